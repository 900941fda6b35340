/** Match conditions: CEL over a write, before a webhook or a policy is asked. */
import type { Activation } from './activation.ts';
import { BudgetSpent } from './activation.ts';
import type { Expression } from './expression.ts';

export type Outcome = 'match' | 'no match' | { readonly error: string };

/** All must hold; one that is false decides, whatever errors others have. */
export function evaluateConditions(
  conditions: readonly Expression[],
  activation: Activation,
): Outcome {
  try {
    const results = conditions.map((condition) => activation.evaluate(condition));
    if (results.some(({ value }) => value === false)) return 'no match';
    const errors = [...new Set(results.map(({ error }) => error).filter((text) => text !== ''))];
    if (errors.length === 0) return 'match';
    return { error: errors.length === 1 ? errors[0]! : `[${errors.join(', ')}]` };
  } catch (error) {
    if (!(error instanceof BudgetSpent)) throw error;
    return { error: error.message };
  }
}
