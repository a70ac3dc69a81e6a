/** Defects for the log: a peer that found one must not fill the disk by it. */
export type Report = (what: string, cause: unknown) => void;

const everyMs = 1_000;

/** Passes on one defect in a second, and says how many there were besides. */
export const limited = (now: () => number, report: Report): Report => {
  let last = -Infinity;
  let unsaid = 0;
  return (what, cause) => {
    const at = now();
    if (Math.abs(at - last) < everyMs) {
      unsaid++;
      return;
    }
    report(unsaid === 0 ? what : `${what} (and ${unsaid} more defects since the last)`, cause);
    last = at;
    unsaid = 0;
  };
};
