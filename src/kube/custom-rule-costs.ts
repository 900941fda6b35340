/**
 * Rules of a custom kind's schema when it is written: whether they compile, and whether the most
 * that they may cost is too much. In kube-apiserver's words. Pure.
 */
import { grown, times } from './cel/estimate-calls.ts';
import { maxCardinality } from './cel/schema-type.ts';
import { compileRulesAt } from './custom-rules.ts';
import { fixedText } from './go-text.ts';
import { stringifyJson } from './json.ts';
import type { JsonObject } from './object.ts';
import type { StatusCause } from './status.ts';
import { forbiddenValue } from './structural-schema.ts';
import { invalidValue } from './validate-meta.ts';

/** Units for one rule in one object, and for all of a schema. */
const ruleLimit = 10_000_000;
const schemaLimit = 100_000_000;

export interface RulePlace {
  readonly path: string;
  readonly root: boolean;
  /** The nearest place above that an older object cannot be compared from; '': there is none. */
  readonly uncorrelated: string;
  /** How often this can stand in one object; undefined: no list or map above says how many. */
  readonly count: number | undefined;
}

/** A schema that has rules. */
export interface Ruled {
  readonly schema: JsonObject;
  readonly place: RulePlace;
}

/** How often what a schema holds can stand in an object that holds it `count` times. */
export function countBelow(schema: JsonObject, count: number | undefined): number | undefined {
  const isMap = schema.type === 'object' && schema.additionalProperties !== undefined;
  if (count === undefined) return undefined;
  if (!isMap && schema.type !== 'array') return count;
  const most = isMap ? schema.maxProperties : schema.maxItems;
  return typeof most === 'number' ? times(count, Math.max(most, 0)) : undefined;
}

/** `path`: of the whole schema. */
export function ruledSchemaCauses(ruled: readonly Ruled[], path: string): StatusCause[] {
  const total = new Total();
  const causes = ruled.flatMap((each) => ruleCauses(each, total));
  return [...causes, ...total.causes(path)];
}

class Total {
  #cost = 0;
  /** At most four, the dearest first. */
  #dearest: { path: string; cost: number }[] = [];

  observe(path: string, cost: number): void {
    this.#cost = grown(this.#cost, cost);
    if (cost < schemaLimit / 100) return;
    this.#dearest.push({ path, cost });
    this.#dearest = this.#dearest.sort((a, b) => b.cost - a.cost).slice(0, 4);
  }

  causes(path: string): StatusCause[] {
    if (this.#cost <= schemaLimit) return [];
    const why =
      'contributed to estimated rule cost total exceeding cost limit for entire OpenAPIv3 schema';
    const what = 'x-kubernetes-validations estimated rule cost total for entire OpenAPIv3 schema';
    return [
      ...this.#dearest.map((each) => forbiddenValue(each.path, why)),
      tooCostly(path, what, this.#cost / schemaLimit),
    ];
  }
}

function tooCostly(field: string, what: string, factor: number): StatusCause {
  const shown =
    factor > 100 ? 'more than 100' : factor < 1.5 ? fixedText(factor, 6) : fixedText(factor, 1);
  const why =
    `${what} exceeds budget by factor of ${shown}x (try simplifying the rule, or adding maxItems, ` +
    'maxProperties, and maxLength where arrays, maps, and strings are declared)';
  return forbiddenValue(field, why);
}

function ruleCauses({ schema, place }: Ruled, total: Total): StatusCause[] {
  const root = place.root || schema['x-kubernetes-embedded-resource'] === true;
  const compiled = compileRulesAt(schema, root);
  if (compiled === undefined) return [];
  const count = place.count ?? maxCardinality(schema, { root, name: 'selfType' });
  const causes: StatusCause[] = [];
  for (const [i, each] of compiled.rules.entries()) {
    const at = `${place.path}.x-kubernetes-validations[${i}]`;
    const { rule, program, message } = each;
    const { type } = compiled;
    const observe = (name: string, cost: number, what: string): void => {
      if (cost > ruleLimit) causes.push(tooCostly(`${at}.${name}`, what, cost / ruleLimit));
      total.observe(`${at}.${name}`, cost);
    };
    if (program !== undefined)
      observe('rule', times(count, program.mostCost(type)), 'estimated rule cost');
    if (each.problem !== undefined) causes.push(invalidRule(`${at}.rule`, rule, each.problem));
    if (each.messageProblem !== undefined)
      causes.push(invalidRule(`${at}.messageExpression`, rule, each.messageProblem));
    if (message !== undefined)
      observe('messageExpression', message.mostCost(type), 'estimated messageExpression cost');
    if (each.usesOldSelf && place.uncorrelated !== '') {
      const why = `oldSelf cannot be used on the uncorrelatable portion of the schema within ${place.uncorrelated}`;
      causes.push(invalidValue(`${at}.rule`, rule.rule, why));
    } else if (!each.usesOldSelf && rule.optionalOldSelf !== undefined) {
      const why = 'may not be set if oldSelf is not used in rule';
      causes.push(invalidValue(`${at}.optionalOldSelf`, rule.optionalOldSelf, why));
    }
  }
  return causes;
}

/** With a rule repeated as kube-apiserver's own struct prints it. */
function invalidRule(field: string, rule: JsonObject, why: string): StatusCause {
  const shown = stringifyJson({
    Rule: rule.rule ?? '',
    Message: rule.message ?? '',
    MessageExpression: rule.messageExpression ?? '',
    Reason: rule.reason ?? null,
    FieldPath: rule.fieldPath ?? '',
    OptionalOldSelf: rule.optionalOldSelf ?? null,
  }).replace(/[<>&]/g, (sign) => `\\u00${sign.charCodeAt(0).toString(16)}`);
  return { reason: 'FieldValueInvalid', message: `Invalid value: ${shown}: ${why}`, field };
}
