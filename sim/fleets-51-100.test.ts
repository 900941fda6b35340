import { testFleets } from './keep-invariants.fixture.ts';

testFleets({ first: 51, last: 100 });
