/** Lines out of a stream of octets, wherever its chunks are cut. */

const newline = 10;

/**
 * Takes chunks, gives whole lines as UTF-8, without their end. A line of more than `most` octets is
 * told once, before it is collected; nothing is taken after it.
 */
export const reader = (
  most: number,
  take: (line: string) => void,
  overlong: () => void,
): (chunk: Uint8Array) => void => {
  let parts: Array<Uint8Array> = [];
  let octets = 0;
  let broken = false;
  const add = (part: Uint8Array): void => {
    octets += part.length;
    broken = octets > most;
    if (broken) {
      parts = [];
      overlong();
    } else if (part.length > 0) parts.push(part);
  };
  return (chunk) => {
    for (let start = 0; !broken;) {
      const end = chunk.indexOf(newline, start);
      add(end < 0 ? chunk.subarray(start) : chunk.subarray(start, end));
      if (end < 0 || broken) return;
      const line = parts.length === 1 ? Buffer.from(parts[0]!) : Buffer.concat(parts);
      parts = [];
      octets = 0;
      start = end + 1;
      take(line.toString());
    }
  };
};
