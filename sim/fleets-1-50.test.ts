import { testFleets } from './keep-invariants.fixture.ts';

testFleets({ first: 1, last: 50 });
