/** What a stage of the test run came to. */
export interface Outcome {
  readonly passed: number;
  readonly failed: number;
  /** The reason of each skipped case, e.g. `no baresip`. */
  readonly skipped: ReadonlyArray<string>;
  /** Shown in full when something failed. */
  readonly details: string;
}

/** A check that is one case: it passed when its command ended with 0. */
export const ofCommand = (
  ended: { readonly code: number; readonly output: string },
): Outcome => ({
  passed: ended.code === 0 ? 1 : 0,
  failed: ended.code === 0 ? 0 : 1,
  skipped: [],
  details: ended.output,
});

export const skipped = (reason: string): Outcome => ({
  passed: 0,
  failed: 0,
  skipped: [reason],
  details: "",
});

/** Where nothing may be missing (CI) a skipped case is a failure. */
export const strict = (outcome: Outcome): Outcome => ({
  ...outcome,
  failed: outcome.failed + outcome.skipped.length,
  skipped: [],
  details: [outcome.details, ...reasons(outcome).map((reason) => `skipped in CI: ${reason}`)]
    .join("\n"),
});

/** `no baresip (3)` for each reason. */
export const reasons = (outcome: Outcome): ReadonlyArray<string> => {
  const counts = new Map<string, number>();
  for (const reason of outcome.skipped) counts.set(reason, (counts.get(reason) ?? 0) + 1);
  return [...counts].map(([reason, n]) => n === 1 ? reason : `${reason} (${n})`);
};

export const add = (one: Outcome, other: Outcome): Outcome => ({
  passed: one.passed + other.passed,
  failed: one.failed + other.failed,
  skipped: [...one.skipped, ...other.skipped],
  details: "",
});

export const none: Outcome = { passed: 0, failed: 0, skipped: [], details: "" };
