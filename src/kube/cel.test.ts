import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import { typeOfSchema } from './cel/schema-type.ts';
import { show } from './cel/show.fixture.ts';
import { BudgetError, CompileError, Environment, fromJson, ProgramError } from './cel.ts';
import { parseJson } from './json.ts';
import type { Json } from './object.ts';

interface Group {
  readonly schema: Json;
  readonly self: Json;
}

interface Answer {
  readonly expression: string;
  readonly error?: string;
  readonly value?: string;
  readonly failure?: string;
  readonly cost: number;
  readonly type?: string;
  /** Of the expression, or of comparing it with itself if it is no rule. */
  readonly maxCost?: string;
}

const recorded = new URL('../../scripts/record/cel/', import.meta.url);

function read<T>(name: string): T {
  return parseJson(readFileSync(new URL(name, recorded))).value as T;
}

const groups = read<Group[]>('cases.json');
const answers = read<Answer[][]>('golden.json');

function environmentOf(schema: Json): Environment {
  const self = typeOfSchema(schema, { root: false, name: 'selfType' });
  return new Environment({ variables: { self: self! } });
}

function answerOf(environment: Environment, expression: string, group: Group): Answer {
  try {
    const program = environment.compile(expression);
    const self = fromJson(group.self, environment.variables.get('self')!);
    const { value, error, cost } = program.evaluate({ self });
    if (error !== undefined) return { expression, failure: error.message, cost };
    return { expression, value: show(value!), cost };
  } catch (error) {
    if (error instanceof CompileError) return { expression, error: error.message, cost: 0 };
    if (error instanceof ProgramError)
      return { expression, error: `program: ${error.message}`, cost: 0 };
    throw error;
  }
}

test('estimates of the highest cost are those of kube-apiserver', () => {
  let compared = 0;
  for (const [i, group] of groups.entries()) {
    const environment = environmentOf(group.schema);
    for (const { expression, type, maxCost } of answers[i]!) {
      if (maxCost === undefined) continue;
      const rule = type === 'bool' ? expression : `(${expression}) == (${expression})`;
      const program = environment.compile(rule);
      const found = program.mostCost(environment.variables.get('self')!);
      assert.equal(found, Number(maxCost), expression);
      compared++;
    }
  }
  assert.ok(compared > 650, String(compared));
});

test('errors, values and costs are those that kube-apiserver has', () => {
  let compared = 0;
  for (const [i, group] of groups.entries()) {
    const environment = environmentOf(group.schema);
    for (const { expression, error, value, failure, cost } of answers[i]!) {
      const wanted = { expression, error, value, failure, cost };
      const found = answerOf(environment, expression, group);
      assert.deepEqual(
        { error: undefined, value: undefined, failure: undefined, ...found },
        wanted,
      );
      compared++;
    }
  }
  assert.ok(compared > 600, `${compared} expressions`);
});

const words =
  "self .names .all( x , ) == + - 1 'a' [ ] { } : ? && || ! has( .name size( dyn( 1.5 " +
  '"b" .map( .filter( in true null .?name [? timestamp( \'1h\' ` \\ \n é //';
const text = fc.array(fc.constantFrom(...words.split(' ')), { maxLength: 25 });

test('whatever is written compiles, or is refused with its place', () => {
  const environment = environmentOf(groups[1]!.schema);
  const anything = fc.oneof(
    text.map((parts) => parts.join(' ')),
    fc.string({ maxLength: 60 }),
  );
  fc.assert(
    fc.property(anything, (expression) => {
      try {
        environment.compile(expression);
      } catch (error) {
        if (error instanceof ProgramError) return;
        assert.ok(error instanceof CompileError, String(error));
        assert.match(error.message, /^ERROR: <input>:\d+:\d+: /);
      }
    }),
    { numRuns: 2000 },
  );
});

test('an evaluation stops at its budget', () => {
  const environment = environmentOf(groups[1]!.schema);
  const program = environment.compile(
    'lists.range(1000).all(a, lists.range(1000).all(b, lists.range(1000).all(c, a + b + c >= 0)))',
  );
  const { error, cost } = program.evaluate({}, 100_000);
  assert.ok(error instanceof BudgetError);
  assert.equal(error.message, 'operation cancelled: actual cost limit exceeded');
  assert.ok(cost < 110_000, String(cost));
});

test('integers are exact to 64 bits and never become doubles', () => {
  const environment = new Environment({ variables: {} });
  const integers = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
  fc.assert(
    fc.property(integers, integers, (a, b) => {
      const { value, error } = environment.compile(`(${a}) + (${b})`).evaluate({});
      const sum = a + b;
      if (sum >= -(2n ** 63n) && sum < 2n ** 63n) assert.equal(value, sum);
      else assert.equal(error?.message, 'integer overflow');
    }),
  );
});

test('a variable given as a function is read when it is needed, once', () => {
  const environment = environmentOf(groups[0]!.schema);
  let reads = 0;
  const self = (): ReturnType<typeof fromJson> => {
    reads++;
    return fromJson(groups[0]!.self, environment.variables.get('self')!);
  };
  assert.equal(environment.compile('true || self.a == 1').evaluate({ self }).value, true);
  assert.equal(reads, 0);
  assert.equal(
    environment.compile('self.a == 1 && self.s == "abc"').evaluate({ self }).value,
    true,
  );
  assert.equal(reads, 1);
});
