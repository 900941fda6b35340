/** Answers of other servers, remembered for a while; who asks the same at the same time waits. */
import { BoundedMap } from '../../base/bounded-map.ts';
import type { Clock } from '../../base/clock.ts';

const answersMax = 10_000;

interface Remembered<T> {
  readonly answer: Promise<T>;
  /** Monotonic, milliseconds; undefined while it is being asked for. */
  until: number | undefined;
}

export class AnswerCache<T> {
  readonly #clock: Clock;
  readonly #lifeMs: (answer: T) => number;
  readonly #answers = new BoundedMap<string, Remembered<T>>(answersMax);

  /** `lifeMs`: how long an answer counts; 0 = it is not kept. */
  constructor(clock: Clock, lifeMs: (answer: T) => number) {
    this.#clock = clock;
    this.#lifeMs = lifeMs;
  }

  /** What fails is not remembered. */
  get(key: string, ask: () => Promise<T>): Promise<T> {
    const known = this.#answers.get(key);
    const now = this.#clock.monotonic();
    if (known !== undefined && (known.until === undefined || known.until > now))
      return known.answer;
    const answer = ask();
    const entry: Remembered<T> = { answer, until: undefined };
    this.#answers.set(key, entry);
    const forget = (): void => {
      if (this.#answers.get(key) === entry) this.#answers.delete(key);
    };
    answer.then((got) => {
      const life = this.#lifeMs(got);
      if (life <= 0) forget();
      else entry.until = this.#clock.monotonic() + life;
    }, forget);
    return answer;
  }
}
