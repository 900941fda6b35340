/** One requirement of a label selector, and what Kubernetes refuses in it. */
import { labelKeyProblems, labelValueProblems } from './label-syntax.ts';
import { quoteGo } from './quote.ts';
import { badRequest } from './status.ts';

export interface LabelRequirement {
  readonly key: string;
  readonly operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist' | 'Gt' | 'Lt';
  readonly values: readonly string[];
}

/** The requirement itself when Kubernetes would accept it. @throws ApiError (400) */
export function checkRequirement(requirement: LabelRequirement): LabelRequirement {
  const problems = requirementProblems(requirement);
  if (problems.length === 0) return requirement;
  throw badRequest(problems.length === 1 ? problems[0]! : `[${problems.join(', ')}]`);
}

function requirementProblems({ key, operator, values }: LabelRequirement): string[] {
  const problems: string[] = [];
  const keyProblems = labelKeyProblems(key);
  if (keyProblems.length > 0)
    problems.push(`key: Invalid value: ${quoteGo(key)}: ${keyProblems.join('; ')}`);
  const wrongCount = countProblem(operator, values.length);
  if (wrongCount !== undefined)
    problems.push(`values: Invalid value: ${JSON.stringify(values)}: ${wrongCount}`);
  values.forEach((value, i) => {
    if ((operator === 'Gt' || operator === 'Lt') && parseInt64(value) === undefined)
      problems.push(
        `values[${i}]: Invalid value: ${quoteGo(value)}: for 'Gt', 'Lt' operators, the value must be an integer`,
      );
  });
  values.forEach((value, i) => {
    const wrong = labelValueProblems(value);
    if (wrong.length > 0)
      problems.push(`values[${i}][${key}]: Invalid value: ${quoteGo(value)}: ${wrong.join('; ')}`);
  });
  return problems;
}

function countProblem(operator: LabelRequirement['operator'], count: number): string | undefined {
  switch (operator) {
    case 'In':
    case 'NotIn':
      return count === 0 ? "for 'in', 'notin' operators, values set can't be empty" : undefined;
    case 'Exists':
    case 'DoesNotExist':
      return count > 0 ? 'values set must be empty for exists and does not exist' : undefined;
    case 'Gt':
    case 'Lt':
      return count === 1 ? undefined : "for 'Gt', 'Lt' operators, exactly one value is required";
  }
}

/** A decimal integer of 64 bits as Go's ParseInt takes it, or undefined. */
export function parseInt64(text: string): bigint | undefined {
  if (!/^[-+]?\d+$/.test(text)) return undefined;
  const value = BigInt(text.startsWith('+') ? text.slice(1) : text);
  return BigInt.asIntN(64, value) === value ? value : undefined;
}
