/** The worked cases of the planner, word for word. Ties are in the order of the letters. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Slot } from './divide.ts';
import { planStep, type Step } from './plan.ts';

interface Given extends Partial<Slot> {}

function slot(given: Given): Slot {
  const ask = given.ask ?? 0;
  const short = given.short ?? 0;
  return {
    standing: 'open',
    weight: 1,
    min: 0,
    max: Number.POSITIVE_INFINITY,
    hold: given.standing === 'lost' ? 0 : ask - short,
    ask,
    ready: ask - short,
    short,
    limit: Number.POSITIVE_INFINITY,
    tries: 0,
    midRollout: false,
    ...given,
  };
}

function step(replicas: number, given: readonly Given[], maxPercent = 10): Step {
  return planStep({ replicas, maxPercent, frozen: false, slots: given.map(slot) });
}

const asks = (...numbers: number[]): Given[] => numbers.map((ask) => ({ ask }));

/** The asks of each step, all pods getting ready in between, until nothing changes. */
function history(replicas: number, given: readonly Given[], maxPercent = 10): string {
  const seen: string[] = [];
  let slots = [...given];
  for (let round = 0; round < 100; round++) {
    const next = [...step(replicas, slots, maxPercent).asks];
    if (seen.length > 0 && next.join() === slots.map((s) => s.ask ?? 0).join()) break;
    seen.push(next.join());
    slots = slots.map(({ ready: _r, hold: _h, short: _s, ...rest }, i) => ({
      ...rest,
      ask: next[i]!,
    }));
  }
  return seen.join(' → ');
}

const fresh: readonly [string, number, Given[], string, number?][] = [
  ['1: 9 over four', 9, [{}, {}, {}, {}], '3,2,2,2'],
  ['2: 10 over three', 10, [{}, {}, {}], '4,3,3'],
  ['2: 1 over three', 1, [{}, {}, {}], '1,0,0'],
  ['2: 0 from 3,3,3', 0, asks(3, 3, 3), '0,0,0'],
  ['3: 101 by 5,3,2', 101, [{ weight: 5 }, { weight: 3 }, { weight: 2 }], '51,30,20'],
  ['3: 12 by 7,2,1', 12, [{ weight: 7 }, { weight: 2 }, { weight: 1 }], '9,2,1'],
  ['3: 7 by 5,3,2', 7, [{ weight: 5 }, { weight: 3 }, { weight: 2 }], '4,2,1'],
  [
    '4: min and max',
    10,
    [
      { min: 2, max: 6, weight: 2 },
      { min: 4, max: 8, weight: 3 },
    ],
    '4,6',
  ],
  ['5: a min below the share', 10, [{ min: 4 }, {}], '5,5'],
  ['5: a min above the share', 10, [{ min: 7 }, {}], '7,3'],
  [
    '6: maxima give the rest to others',
    91,
    [{ weight: 10_000, max: 10 }, {}, { max: 21 }, { max: 10 }, {}],
    '10,25,21,10,25',
  ],
  ['7: minima that do not fit', 4, [{ min: 6 }, { min: 2 }, { min: 1 }], '3,1,0'],
  ['8: all at their max', 50, [{ max: 12 }, { max: 12 }, { max: 12 }], '12,12,12', 14],
  ['9: capacity before min', 10, [{ min: 5, limit: 2 }, {}], '2,8'],
  ['10: weight 0 gets its min', 10, [{ weight: 0, min: 3 }, {}], '3,7'],
  [
    '10: all have weight 0',
    50,
    [
      { weight: 0, min: 2 },
      { weight: 0, min: 2 },
      { weight: 0, min: 2 },
    ],
    '2,2,2',
    44,
  ],
];

for (const [name, replicas, given, expected, unasked = 0] of fresh) {
  test(`case ${name} gives ${expected}`, () => {
    const result = step(replicas, given);
    assert.equal([...result.plan].join(), expected);
    assert.equal(result.unasked, unasked);
    if (!given.some((each) => each.limit)) assert.equal([...result.asks].join(), expected);
  });
}

const histories: readonly [string, number, Given[], number, string][] = [
  ['11: scale down from 4,4,4', 4, asks(4, 4, 4), 10, '2,1,1'],
  ['11: scale down to 9', 9, asks(4, 4, 4), 10, '3,3,3'],
  ['11: scale up from 3,3,3', 11, asks(3, 3, 3), 10, '4,4,3'],
  ['12: scale down without moves', 50, asks(10, 70), 0, '10,40'],
  [
    '12: scale down, then even out',
    50,
    asks(10, 70),
    10,
    '10,40 → 15,40 → 15,35 → 20,35 → 20,30 → 25,30 → 25,25',
  ],
  ['13: a new cluster without moves', 12, asks(6, 6, 0), 0, '6,6,0'],
  ['13: a new cluster gets what is new', 13, asks(6, 6, 0), 0, '6,6,1'],
  ['14: a new cluster at 10 percent', 12, asks(6, 6, 0), 10, '6,6,2 → 5,5,2 → 5,5,4 → 4,4,4'],
  ['14: a new cluster at once', 12, asks(6, 6, 0), 100, '6,6,4 → 4,4,4'],
  ['16: growth and moves together', 15, asks(6, 6, 0), 10, '6,6,5 → 5,5,5'],
  [
    '24: a max lowered with room elsewhere',
    10,
    [{ ask: 5, max: 3 }, { ask: 5 }],
    10,
    '5,6 → 4,6 → 4,7 → 3,7',
  ],
  [
    '24: every max lowered',
    10,
    [
      { ask: 5, max: 3 },
      { ask: 5, max: 3 },
    ],
    10,
    '3,3',
  ],
  [
    '25: draining',
    9,
    [{ ask: 3 }, { ask: 3 }, { ask: 3, standing: 'draining' }],
    10,
    '4,3,3 → 4,3,2 → 4,4,2 → 4,4,1 → 5,4,1 → 5,4,0',
  ],
  [
    '25: out of reach, scaled up',
    12,
    [{ ask: 3 }, { ask: 3 }, { ask: 3, standing: 'unreachable' }],
    10,
    '5,4,3',
  ],
];

for (const [name, replicas, given, percent, expected] of histories)
  test(`case ${name}: ${expected}`, () => {
    assert.equal(history(replicas, given, percent), expected);
  });

const plans: readonly [string, number, Given[], string, string][] = [
  ['15: one of two ready', 12, [{ ask: 6 }, { ask: 6 }, { ask: 2, ready: 1 }], '5,5,2', '6,5,2'],
  ['15: none of two ready', 12, [{ ask: 6 }, { ask: 6 }, { ask: 2, ready: 0 }], '5,5,2', '6,6,2'],
  ['17: 10 from 8,2,0', 10, asks(8, 2, 0), '7,2,1', '8,2,1'],
  ['17: 11 from 8,2,0', 11, asks(8, 2, 0), '6,3,2', '8,3,2'],
  [
    '18: two of four lost',
    12,
    [{ ask: 3 }, { ask: 3 }, { ask: 3, standing: 'lost' }, { ask: 3, standing: 'lost' }],
    '6,6,0,0',
    '6,6,3,3',
  ],
  [
    '18: lost in flight',
    12,
    [{ ask: 6 }, { ask: 6 }, { ask: 2, ready: 0, standing: 'lost' }],
    '6,6,0',
    '6,6,2',
  ],
  ['19: returned and ready', 9, asks(5, 4, 3), '3,3,3', '3,3,3'],
  [
    '20: returned with nothing ready',
    9,
    [{ ask: 5 }, { ask: 4 }, { ask: 3, ready: 0, hold: 0 }],
    '4,4,1',
    '5,4,1',
  ],
  [
    '21: a shortage is replaced',
    30,
    [{ ask: 10, short: 4, limit: 6 }, { ask: 10 }, { ask: 10 }],
    '6,12,12',
    '6,12,12',
  ],
  [
    '22: a first try',
    30,
    [{ ask: 6, limit: 6, tries: 1 }, { ask: 12 }, { ask: 12 }],
    '7,12,11',
    '7,12,12',
  ],
  [
    '22: the try succeeded',
    30,
    [{ ask: 7, limit: 7, tries: 2 }, { ask: 12 }, { ask: 12 }],
    '9,11,10',
    '9,12,11',
  ],
  [
    '22: the try failed',
    30,
    [{ ask: 7, short: 1, limit: 6 }, { ask: 12 }, { ask: 12 }],
    '6,12,12',
    '6,12,12',
  ],
  [
    '23: all are full',
    30,
    [
      { ask: 10, short: 4, limit: 6 },
      { ask: 10, short: 4, limit: 6 },
      { ask: 10, short: 4, limit: 6 },
    ],
    '6,6,6',
    '10,10,10',
  ],
  [
    '23: one is full, the others at their max',
    30,
    [
      { ask: 10, short: 4, limit: 6 },
      { ask: 10, max: 11 },
      { ask: 10, max: 11 },
    ],
    '6,11,11',
    '8,11,11',
  ],
  [
    '25: out of reach, scaled down',
    4,
    [{ ask: 3 }, { ask: 3 }, { ask: 3, standing: 'unreachable' }],
    '2,1,1',
    '2,1,3',
  ],
];

for (const [name, replicas, given, plan, asked] of plans)
  test(`case ${name}: plan ${plan}, asks ${asked}`, () => {
    const result = step(replicas, given);
    assert.equal([...result.plan].join(), plan);
    assert.equal([...result.asks].join(), asked);
  });

test('case 20: the old replicas go one by one as the returned cluster gets ready', () => {
  const first = [...step(9, [{ ask: 5 }, { ask: 4 }, { ask: 3, ready: 0, hold: 0 }]).asks];
  const later = history(9, asks(...first));
  assert.equal(`${first.join()} → ${later}`, '5,4,1 → 4,4,1 → 4,4,2 → 4,3,2 → 4,3,3 → 3,3,3');
});
