/** Globs over dialled numbers: `*` any run of characters, `?` exactly one. */
export const matches = (glob: string, text: string): boolean => {
  let g = 0;
  let t = 0;
  let star = -1;
  let resume = 0;
  while (t < text.length) {
    const symbol = glob[g];
    if (symbol === "*") {
      star = g++;
      resume = t;
    } else if (symbol === "?" || symbol === text[t]) {
      g++;
      t++;
    } else if (star >= 0) {
      // Greedy restart after the last star only: at most |glob| x |text| steps, and both are short.
      g = star + 1;
      t = ++resume;
    } else {
      return false;
    }
  }
  while (glob[g] === "*") g++;
  return g === glob.length;
};
