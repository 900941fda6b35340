/**
 * kube-apiserver's AuthenticationConfiguration file: issuers of ID tokens, with rules and mappings
 * by claim or by expression.
 */
import { messageOf, UserError } from '../../base/errors.ts';
import { toJson } from '../../kube/cel/to-json.ts';
import { Environment, fromJson, type Program, parseType } from '../../kube/cel.ts';
import { isObject, type Json, type JsonObject, valueAt } from '../../kube/object.ts';
import { parseYaml } from '../../kube/yaml.ts';
import { TokenRefused, type VerifiedUser } from './authenticate.ts';
import { checkClaim, groupsIn, type OidcOptions, usernameIn } from './oidc.ts';

export interface ConfiguredIssuer {
  readonly issuer: string;
  readonly discoveryUrl?: string;
  readonly audiences: readonly string[];
  readonly userOf: OidcOptions['userOf'];
  /** PEM of the authorities of its certificate; absent: the system's. */
  readonly ca?: string;
}

export interface AuthenticationConfig {
  readonly issuers: readonly ConfiguredIssuer[];
  /** Exact paths that need no credential. */
  readonly anonymousPaths: readonly string[];
}

const group = 'apiserver.config.k8s.io';
const versions = ['v1', 'v1beta1', 'v1alpha1'].map((version) => `${group}/${version}`);
const anyMap = parseType('map(string, dyn)');

/** @throws UserError naming the field that is wrong */
export function parseAuthenticationConfig(text: string): AuthenticationConfig {
  const root = readRoot(text);
  const issuers = listAt(root, 'jwt').map((entry, i) => issuerOf(entry, `jwt[${i}]`));
  const urls = issuers.map(({ issuer }) => issuer);
  const twice = urls.find((url, i) => urls.indexOf(url) < i);
  if (twice !== undefined) throw wrong('jwt', `the issuer ${twice} is named twice`);
  return { issuers, anonymousPaths: anonymousPathsOf(root) };
}

function wrong(field: string, why: string): UserError {
  return new UserError(
    `the AuthenticationConfiguration is not valid: ${field}: ${why}`,
    'mend the file; kubernetes.io describes the kind AuthenticationConfiguration',
  );
}

function readRoot(text: string): JsonObject {
  let root: Json;
  try {
    root = parseYaml(Buffer.from(text)).value;
  } catch (error) {
    throw wrong('file', messageOf(error));
  }
  if (!isObject(root)) throw wrong('file', 'it is no object');
  const { apiVersion, kind } = root;
  if (kind !== 'AuthenticationConfiguration' || !versions.includes(String(apiVersion)))
    throw wrong('kind', `it must be AuthenticationConfiguration of ${versions[0]}`);
  return root;
}

function listAt(object: unknown, ...path: readonly string[]): JsonObject[] {
  const list = valueAt(object, ...path);
  return Array.isArray(list) ? (list as Json[]).filter(isObject) : [];
}

function textAt(object: unknown, ...path: readonly string[]): string {
  const text = valueAt(object, ...path);
  return typeof text === 'string' ? text : '';
}

function anonymousPathsOf(root: JsonObject): string[] {
  if (valueAt(root, 'anonymous', 'enabled') !== true) return [];
  const paths = listAt(root, 'anonymous', 'conditions').map((each) => textAt(each, 'path'));
  if (paths.length > 0 && !paths.includes('')) return paths;
  throw wrong('anonymous.conditions', 'only single paths can be open to everybody here');
}

function issuerOf(entry: JsonObject, field: string): ConfiguredIssuer {
  const url = textAt(entry, 'issuer', 'url');
  if (!url.startsWith('https://')) throw wrong(`${field}.issuer.url`, 'it must be an https URL');
  const audiences = valueAt(entry, 'issuer', 'audiences');
  if (!Array.isArray(audiences) || audiences.length === 0)
    throw wrong(`${field}.issuer.audiences`, 'at least one is needed');
  const discoveryUrl = textAt(entry, 'issuer', 'discoveryURL');
  const ca = textAt(entry, 'issuer', 'certificateAuthority');
  return {
    issuer: url,
    audiences: audiences.map(String),
    userOf: mapperOf(entry, field),
    ...(discoveryUrl !== '' && { discoveryUrl }),
    ...(ca !== '' && { ca }),
  };
}

/** What becomes of claims, or a refusal. */
type FromClaims<T> = (claims: JsonObject) => T;

function mapperOf(entry: JsonObject, field: string): FromClaims<VerifiedUser> {
  const at = `${field}.claimMappings`;
  const mappings = valueAt(entry, 'claimMappings');
  const username = usernameOf(mappings, at);
  const groups = groupsOf(mappings, at);
  const uid = uidOf(mappings, at);
  const extra = extraOf(mappings, at);
  const rules = claimRules(entry, field);
  const userRules = userRulesOf(entry, field);
  return (claims) => {
    for (const check of rules) check(claims);
    const id = uid(claims);
    const user = {
      name: username(claims),
      ...(id !== '' && { uid: id }),
      groups: groups(claims),
      extra: extra(claims),
    };
    for (const check of userRules) check(user);
    return user;
  };
}

function compiled(text: string, variable: 'claims' | 'user', field: string): Program {
  try {
    return new Environment({ variables: { [variable]: anyMap } }).compile(text);
  } catch (error) {
    throw wrong(field, messageOf(error));
  }
}

/** @throws TokenRefused when the expression fails */
function evaluated(program: Program, variable: 'claims' | 'user', value: JsonObject): Json {
  const { value: result, error } = program.evaluate({ [variable]: fromJson(value, anyMap) });
  if (result === undefined)
    throw new TokenRefused(`oidc: expression '${program.text}' failed: ${messageOf(error)}`);
  return toJson(result);
}

/** A claim with its prefix, or an expression: one of them. */
function eitherOf<T>(
  mapping: unknown,
  field: string,
  byClaim: (claim: string) => FromClaims<T>,
  byValue: (value: Json) => T,
): FromClaims<T> | undefined {
  const [claim, expression] = [textAt(mapping, 'claim'), textAt(mapping, 'expression')];
  if (claim !== '' && expression !== '')
    throw wrong(field, 'claim and expression exclude each other');
  if (claim !== '') return byClaim(claim);
  if (expression === '') return undefined;
  const program = compiled(expression, 'claims', `${field}.expression`);
  return (claims) => byValue(evaluated(program, 'claims', claims));
}

function prefixOf(mapping: unknown, field: string): string {
  const prefix = valueAt(mapping, 'prefix');
  if (typeof prefix === 'string') return prefix;
  throw wrong(`${field}.prefix`, 'it is required beside a claim; "" stands for none');
}

function usernameOf(mappings: unknown, at: string): FromClaims<string> {
  const field = `${at}.username`;
  const mapping = valueAt(mappings, 'username');
  const byClaim = (claim: string): FromClaims<string> => {
    const prefix = prefixOf(mapping, field);
    return (claims) => prefix + usernameIn(claims, claim);
  };
  const username = eitherOf(mapping, field, byClaim, (value) => {
    if (typeof value === 'string' && value !== '') return value;
    throw new TokenRefused('oidc: username claim value must be a string that is not empty');
  });
  if (username === undefined) throw wrong(field, 'a claim or an expression is needed');
  return username;
}

function groupsOf(mappings: unknown, at: string): FromClaims<string[]> {
  const field = `${at}.groups`;
  const mapping = valueAt(mappings, 'groups');
  const byClaim = (claim: string): FromClaims<string[]> => {
    const prefix = prefixOf(mapping, field);
    return (claims) => groupsIn(claims, claim).map((name) => prefix + name);
  };
  return eitherOf(mapping, field, byClaim, stringsOf) ?? (() => []);
}

function uidOf(mappings: unknown, at: string): FromClaims<string> {
  const byValue = (value: Json | undefined): string => (typeof value === 'string' ? value : '');
  const byClaim =
    (claim: string): FromClaims<string> =>
    (claims) =>
      byValue(claims[claim]);
  return eitherOf(valueAt(mappings, 'uid'), `${at}.uid`, byClaim, byValue) ?? (() => '');
}

function extraOf(mappings: unknown, at: string): FromClaims<Record<string, string[]>> {
  const programs = listAt(mappings, 'extra').map((each, i) => {
    const field = `${at}.extra[${i}]`;
    const key = textAt(each, 'key');
    if (!/^[^/]+\/.+$/.test(key) || key !== key.toLowerCase())
      throw wrong(`${field}.key`, 'it must be DOMAIN/PATH in lower case');
    const text = textAt(each, 'valueExpression');
    return [key, compiled(text, 'claims', `${field}.valueExpression`)] as const;
  });
  return (claims) =>
    Object.fromEntries(
      programs
        .map(([key, program]) => [key, stringsOf(evaluated(program, 'claims', claims))] as const)
        .filter(([, values]) => values.length > 0),
    );
}

/** A string or a list of strings; null and '' are none. @throws TokenRefused */
function stringsOf(value: Json): string[] {
  if (value === null || value === '') return [];
  const list = Array.isArray(value) ? value : [value];
  if (list.every((each) => typeof each === 'string')) return list;
  throw new TokenRefused('oidc: an expression yields neither a string nor a list of strings');
}

function claimRules(entry: JsonObject, field: string): ((claims: JsonObject) => void)[] {
  return listAt(entry, 'claimValidationRules').map((rule, i) => {
    const at = `${field}.claimValidationRules[${i}]`;
    const [claim, expression] = [textAt(rule, 'claim'), textAt(rule, 'expression')];
    if ((claim === '') === (expression === ''))
      throw wrong(at, 'either claim or expression is needed');
    if (claim !== '') return (claims) => checkClaim(claims, claim, textAt(rule, 'requiredValue'));
    return ruleOf(expression, 'claims', { at, message: textAt(rule, 'message') });
  });
}

function userRulesOf(entry: JsonObject, field: string): ((user: VerifiedUser) => void)[] {
  return listAt(entry, 'userValidationRules').map((rule, i) => {
    const at = `${field}.userValidationRules[${i}]`;
    const check = ruleOf(textAt(rule, 'expression'), 'user', {
      at,
      message: textAt(rule, 'message'),
    });
    return ({ name, uid = '', groups, extra }) =>
      check({
        username: name,
        uid,
        groups: [...groups],
        extra: Object.fromEntries(Object.entries(extra).map(([key, values]) => [key, [...values]])),
      });
  });
}

function ruleOf(
  text: string,
  variable: 'claims' | 'user',
  { at, message }: { readonly at: string; readonly message: string },
): (value: JsonObject) => void {
  const program = compiled(text, variable, `${at}.expression`);
  if (program.typeName !== 'bool' && program.typeName !== 'dyn')
    throw wrong(`${at}.expression`, 'it must evaluate to bool');
  return (value) => {
    if (evaluated(program, variable, value) === true) return;
    const why = message === '' ? `validation expression '${text}' failed` : message;
    throw new TokenRefused(`oidc: error evaluating ${variable} validation rule: ${why}`);
  };
}
