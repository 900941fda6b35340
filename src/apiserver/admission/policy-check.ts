/** What policies and their bindings may say: kube-apiserver's own rules for them. */

import type { Type } from '../../kube/cel/types.ts';
import { labelKeyProblems } from '../../kube/label-syntax.ts';
import { label1035, label1035Text, subdomainProblems } from '../../kube/name-syntax.ts';
import {
  isObject,
  type Json,
  type JsonObject,
  type KubeObject,
  objectAt,
} from '../../kube/object.ts';
import type { StatusCause } from '../../kube/status.ts';
import {
  compileExpression,
  type Declared,
  declare,
  noVariables,
  resultTypes,
  type Variables,
} from './expression.ts';
import { FieldCheck, objectsOf } from './field-check.ts';
import { checkRule } from './rule-check.ts';
import { checkConditions } from './webhook-check.ts';

const annotationsMax = 20;
const annotationBytesMax = 5 * 1024;
const reasons = ['Forbidden', 'Invalid', 'RequestEntityTooLarge'];
const actions = ['Audit', 'Deny', 'Warn'];
const mutatingOperations = ['*', 'CONNECT', 'CREATE', 'UPDATE'];
const reserved = new Set(
  (
    'true false null in as break const continue else for function if import let loop package ' +
    'namespace return var void while'
  ).split(' '),
);

export function checkValidatingPolicy(policy: KubeObject): StatusCause[] {
  const check = new PolicyCheck(policy);
  check.common();
  check.conditions();
  check.variables();
  check.validations(policy.metadata.name ?? '');
  return check.causes;
}

export function checkMutatingPolicy(policy: KubeObject): StatusCause[] {
  const check = new PolicyCheck(policy);
  check.common();
  check.operations('matchConstraints');
  check.conditions();
  check.variables();
  check.mutations();
  return check.causes;
}

export function checkBinding(binding: KubeObject): StatusCause[] {
  const check = new PolicyCheck(binding);
  check.binding();
  if (binding.kind === 'MutatingAdmissionPolicyBinding') check.operations('matchResources');
  else check.actions();
  return check.causes;
}

class PolicyCheck extends FieldCheck {
  readonly #spec: JsonObject;
  readonly #params: boolean;
  readonly #variables: Variables = noVariables();

  constructor(object: KubeObject) {
    super();
    this.#spec = objectAt(object, 'spec') ?? {};
    this.#params = isObject(this.#spec['paramKind']);
  }

  common(): void {
    const { failurePolicy, paramKind, matchConstraints } = this.#spec;
    this.oneOf('spec.failurePolicy', failurePolicy, ['Fail', 'Ignore']);
    if (isObject(paramKind)) this.#paramKind(paramKind);
    if (!isObject(matchConstraints)) this.required('spec.matchConstraints');
    else {
      this.#matchResources('spec.matchConstraints', matchConstraints);
      if (objectsOf(matchConstraints['resourceRules']).length === 0)
        this.required('spec.matchConstraints.resourceRules');
    }
  }

  /** Only what is written can be changed. */
  operations(field: string): void {
    for (const rule of objectsOf(objectAt(this.#spec, field)?.['resourceRules']))
      for (const operation of Array.isArray(rule['operations']) ? rule['operations'] : [])
        this.oneOf(`spec.${field}.resourceRules.operations`, operation, mutatingOperations);
  }

  conditions(): void {
    const declared = { params: this.#params, authorizer: true };
    checkConditions(this, 'spec.matchConditions', {
      conditions: objectsOf(this.#spec['matchConditions']),
      problemOf: (text) => compileExpression(text, [resultTypes.bool], { declared }).problem,
    });
  }

  variables(): void {
    const options = {
      declared: { params: this.#params, authorizer: true },
      variables: this.#variables,
    };
    for (const [i, variable] of objectsOf(this.#spec['variables']).entries()) {
      const field = `spec.variables[${i}]`;
      const name = String(variable['name'] ?? '');
      const text = String(variable['expression'] ?? '');
      if (name.trim() === '') this.required(`${field}.name`, 'name is not specified');
      else if (!/^[_a-zA-Z]\w*$/.test(name) || reserved.has(name))
        this.invalid(`${field}.name`, name, 'must be a valid CEL identifier');
      if (text.trim() === '') {
        this.required(`${field}.expression`, 'expression is not specified');
        continue;
      }
      const compiled = compileExpression(text, [], options);
      declare(this.#variables, name, compiled);
      if (compiled.problem !== '') this.invalid(`${field}.expression`, text, compiled.problem);
    }
  }

  validations(policyName: string): void {
    const validations = objectsOf(this.#spec['validations']);
    const annotations = objectsOf(this.#spec['auditAnnotations']);
    if (validations.length === 0 && annotations.length === 0) {
      const why = 'validations or auditAnnotations must contain at least one item';
      this.required('spec.validations', why);
      this.required('spec.auditAnnotations', why);
    }
    for (const [i, validation] of validations.entries())
      this.#validation(`spec.validations[${i}]`, validation);
    if (annotations.length > annotationsMax)
      this.invalid(
        'spec.auditAnnotations',
        annotations,
        `must not have more than ${annotationsMax} auditAnnotations`,
      );
    const seen = new Set<string>();
    for (const [i, annotation] of annotations.entries()) {
      const field = `spec.auditAnnotations[${i}]`;
      const key = String(annotation['key'] ?? '');
      this.#annotation(field, annotation, `${policyName}/${key}`);
      if (seen.has(key)) this.duplicate(`${field}.key`, key);
      seen.add(key);
    }
  }

  #validation(field: string, validation: JsonObject): void {
    const { expression = '', messageExpression = '', message = '', reason } = validation;
    const text = String(expression);
    if (text.trim() === '') this.required(`${field}.expression`, 'expression is not specified');
    else this.#compile(`${field}.expression`, text, [resultTypes.bool]);
    const made = String(messageExpression);
    if (made !== '' && made.trim() === '')
      this.invalid(`${field}.messageExpression`, made, 'must be non-empty if specified');
    else if (made !== '')
      this.#compile(`${field}.messageExpression`, made, [resultTypes.string], {
        ...{ params: this.#params, authorizer: false },
      });
    const plain = String(message);
    if (plain !== '' && plain.trim() === '')
      this.invalid(`${field}.message`, plain, 'must be non-empty if specified');
    else if (/[\n\r]/.test(plain.trim()))
      this.invalid(`${field}.message`, plain, 'must not contain line breaks');
    this.oneOf(`${field}.reason`, reason, reasons);
  }

  #annotation(field: string, { valueExpression }: JsonObject, qualified: string): void {
    this.invalid(`${field}.key`, qualified, ...labelKeyProblems(qualified));
    const text = String(valueExpression ?? '');
    const trimmed = text.trim();
    const at = `${field}.valueExpression`;
    if (trimmed === '') this.required(at, 'valueExpression is not specified');
    else if (Buffer.byteLength(trimmed) > annotationBytesMax)
      this.required(at, `must not exceed ${annotationBytesMax} bytes in length`);
    else this.#compile(at, trimmed, [resultTypes.string, resultTypes.null], undefined, text);
  }

  mutations(): void {
    const mutations = objectsOf(this.#spec['mutations']);
    if (mutations.length === 0)
      this.required('spec.mutations', 'mutations must contain at least one item');
    for (const [i, mutation] of mutations.entries())
      this.#mutation(`spec.mutations[${i}]`, mutation);
    const { reinvocationPolicy } = this.#spec;
    if (reinvocationPolicy === undefined || reinvocationPolicy === '')
      this.required('spec.reinvocationPolicy');
    else this.oneOf('spec.reinvocationPolicy', reinvocationPolicy, ['IfNeeded', 'Never']);
  }

  #mutation(field: string, { patchType, applyConfiguration, jsonPatch }: JsonObject): void {
    const known = ['ApplyConfiguration', 'JSONPatch'];
    if ((patchType ?? '') === '') this.required(`${field}.patchType`);
    else if (!known.includes(String(patchType))) this.oneOf(`${field}.patchType`, patchType, known);
    else {
      const patch = patchType === 'JSONPatch';
      const [name, given, other] = patch
        ? (['jsonPatch', jsonPatch, applyConfiguration] as const)
        : (['applyConfiguration', applyConfiguration, jsonPatch] as const);
      const otherName = patch ? 'applyConfiguration' : 'jsonPatch';
      if (given === undefined) {
        this.required(`${field}.${name}`, `must be specified when patchType is ${patchType}`);
      } else this.#mutationExpression(`${field}.${name}.expression`, given, patch);
      if (other !== undefined)
        this.invalid(
          `${field}.${otherName}`,
          `{${otherName}}`,
          `must not be specified when patchType is ${patchType}`,
        );
    }
  }

  #mutationExpression(field: string, mutation: Json, patch: boolean): void {
    const text = String(isObject(mutation) ? (mutation['expression'] ?? '') : '').trim();
    if (text === '') this.required(field);
    else
      this.#compile(field, text, [patch ? resultTypes.patch : resultTypes.object], {
        ...{ params: this.#params, authorizer: true, patches: true },
      });
  }

  binding(): void {
    const { policyName, paramRef, matchResources } = this.#spec;
    const name = String(policyName ?? '');
    if (name === '') this.required('spec.policyName');
    else this.invalid('spec.policyName', name, ...subdomainProblems(name));
    if (isObject(paramRef)) this.#paramRef(paramRef);
    if (isObject(matchResources)) this.#matchResources('spec.matchResources', matchResources);
  }

  actions(): void {
    const field = 'spec.validationActions';
    const { validationActions } = this.#spec;
    const given = Array.isArray(validationActions) ? validationActions.map(String) : [];
    for (const [i, action] of given.entries()) {
      this.oneOf(`${field}[${i}]`, action, actions);
      if (given.indexOf(action) < i) this.duplicate(`${field}[${i}]`, action);
    }
    if (given.includes('Deny') && given.includes('Warn'))
      this.invalid(
        field,
        given,
        'must not contain both Deny and Warn (repeating the same validation failure information ' +
          'in the API response and headers serves no purpose)',
      );
    if (given.length === 0) this.required(field);
  }

  #paramRef({ name = '', selector, parameterNotFoundAction }: JsonObject): void {
    const field = 'spec.paramRef';
    const both = 'name and selector are mutually exclusive';
    if (name !== '') {
      const wrong = ['/', '%'].filter((sign) => String(name).includes(sign));
      this.invalid(`${field}.name`, name, ...wrong.map((sign) => `may not contain '${sign}'`));
      if (selector !== undefined) this.forbidden(`${field}.name`, both);
    }
    if (selector !== undefined) {
      this.labelSelector(`${field}.selector`, selector);
      if (name !== '') this.forbidden(`${field}.selector`, both);
    }
    if (name === '' && selector === undefined)
      this.required(field, 'one of name or selector must be specified');
    if ((parameterNotFoundAction ?? '') === '') this.required(`${field}.parameterNotFoundAction`);
    else this.oneOf(`${field}.parameterNotFoundAction`, parameterNotFoundAction, ['Deny', 'Allow']);
  }

  #paramKind({ apiVersion = '', kind = '' }: JsonObject): void {
    const field = 'spec.paramKind';
    const parts = String(apiVersion).split('/');
    const [group, version] = parts.length === 1 ? ['', parts[0]!] : (parts as [string, string]);
    if (apiVersion === '') this.required(`${field}.apiVersion`);
    else if (parts.length > 2)
      this.invalid(
        `${field}.apiVersion`,
        apiVersion,
        `unexpected GroupVersion string: ${String(apiVersion)}`,
      );
    else {
      const problems = group === '' ? [] : subdomainProblems(group);
      if (problems.length > 0) this.invalid(`${field}.apiVersion`, group, problems.join(','));
      if (version === '')
        this.invalid(`${field}.apiVersion`, apiVersion, 'version must be specified');
      else if (!label1035.test(version))
        this.invalid(`${field}.apiVersion`, version, label1035Text);
    }
    if (kind === '') this.required(`${field}.kind`);
    else if (!label1035.test(String(kind).toLowerCase()))
      this.invalid(
        `${field}.kind`,
        kind,
        `may have mixed case, but should otherwise match: ${label1035Text}`,
      );
  }

  #matchResources(field: string, match: JsonObject): void {
    this.oneOf(`${field}.matchPolicy`, match['matchPolicy'], ['Equivalent', 'Exact']);
    this.labelSelector(`${field}.namespaceSelector`, match['namespaceSelector']);
    this.labelSelector(`${field}.objectSelector`, match['objectSelector']);
    for (const list of ['resourceRules', 'excludeResourceRules'])
      for (const [i, rule] of objectsOf(match[list]).entries()) {
        const at = `${field}.${list}[${i}]`;
        const names = Array.isArray(rule['resourceNames']) ? rule['resourceNames'].map(String) : [];
        for (const [j, name] of names.entries()) {
          const wrong = ['/', '%'].filter((sign) => name.includes(sign));
          const whys = wrong.map((sign) => `may not contain '${sign}'`);
          this.invalid(`${at}.resourceNames[${j}]`, name, ...whys);
          if (names.indexOf(name) < j) this.duplicate(`${at}.resourceNames[${j}]`, name);
        }
        checkRule(this, at, rule);
      }
  }

  #compile(
    field: string,
    text: string,
    results: readonly Type[],
    declared: Declared = { params: this.#params, authorizer: true },
    shown = text,
  ): void {
    const variables = this.#variables.fields.size === 0 ? undefined : this.#variables;
    const { problem } = compileExpression(text, results, { declared, variables });
    if (problem !== '') this.invalid(field, shown, problem);
  }
}
