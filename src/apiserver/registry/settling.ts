/** Those who want to know when one attempt to write has ended, in whatever way. */
export class Settling {
  #waiting: (() => void)[] | undefined;

  readonly add = (settle: () => void): void => {
    if (this.#waiting === undefined) this.#waiting = [settle];
    else this.#waiting.push(settle);
  };

  settle(): void {
    for (const settle of this.#waiting ?? []) settle();
    this.#waiting = undefined;
  }
}
