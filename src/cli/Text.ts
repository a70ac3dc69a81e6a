/** What commands print: tables and ladders. Values from outside are masked, never printed raw. */
import type { Change } from "../../schemas/Directory.ts";
import type {
  CallRow,
  CdrRow,
  Check,
  CounterRow,
  MessageRow,
  RecordRow,
} from "../../schemas/rpc/Rows.ts";

/** Control characters (a terminal would obey them) and bidirectional overrides become dots. */
const mask = (text: string): string =>
  text.replace(/[\p{Cc}\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu, "·");

const time = (ms: number): string => new Date(ms).toISOString().replace("T", " ").slice(0, 23);

const table = (head: ReadonlyArray<string>, rows: ReadonlyArray<ReadonlyArray<string>>): string => {
  const masked = rows.map((row) => row.map(mask));
  const widths = head.map((title, n) =>
    Math.max(title.length, ...masked.map((row) => row[n]?.length ?? 0))
  );
  return [head, ...masked]
    .map((row) => row.map((cell, n) => cell.padEnd(widths[n]!)).join("  ").trimEnd())
    .join("\n");
};

const seconds = (ms: number): string => `${(ms / 1_000).toFixed(1)} s`;

export const calls = (rows: ReadonlyArray<CallRow>): string =>
  rows.length === 0 ? "no calls" : table(
    ["call", "phase", "caller", "dialled", "callee", "since"],
    rows.map((row) => [
      row.call,
      row.phase,
      row.caller,
      row.dialled,
      row.callee ?? "",
      time(row.answeredAt ?? row.startedAt),
    ]),
  );

export const cdrs = (rows: ReadonlyArray<CdrRow>): string =>
  rows.length === 0 ? "no ended calls" : table(
    ["call", "start", "caller", "dialled", "callee", "talked", "cause", "ended by", "status"],
    rows.map((row) => [
      row.call,
      time(row.startedAt),
      row.caller,
      row.dialled,
      row.callee ?? "",
      row.answeredAt === null ? "-" : seconds(row.durationMs),
      row.cause,
      row.endedBy,
      String(row.status),
    ]),
  );

export const plan = (changes: ReadonlyArray<Change>, applied: boolean): string => {
  const most = 40;
  const shown = changes.filter(({ action }) => action !== "keep");
  const kept = changes.filter(({ action }) => action === "keep");
  const lines = shown.slice(0, most).map(({ action, tenant, what }) =>
    `${action.padEnd(6)}  ${tenant}: ${mask(what)}`
  );
  if (shown.length > most) lines.push(`... and ${shown.length - most} more`);
  if (shown.length === 0) lines.push("nothing to change");
  if (kept.length > 0) {
    const names = kept.slice(0, 5).map(({ tenant, what }) => `${tenant}: ${mask(what)}`);
    lines.push(
      `kept, though not in the file: ${names.join(", ")}${kept.length > 5 ? ", ..." : ""}` +
        ` (${kept.length}); --remove removes them`,
    );
  }
  return [...lines, applied ? "applied" : "nothing was applied (--dry-run)"].join("\n");
};

/** One call: the messages at the edge on the left, the actor's records on the right, by time. */
export const ladder = (shown: {
  readonly call: CallRow | null;
  readonly cdr: CdrRow | null;
  readonly messages: ReadonlyArray<MessageRow>;
  readonly records: ReadonlyArray<RecordRow>;
}): string => {
  const { call, cdr, messages, records } = shown;
  const width = 62;
  const left = messages.map((message, order) => {
    const arrow = message.direction === "in" ? "-->" : "<--";
    const text = `${mask(message.peer)} ${arrow} ${mask(message.line)} (${mask(message.cseq)})`;
    return { at: message.at, order, text: `${text.slice(0, width).padEnd(width)} |` };
  });
  const right = records.map((record, order) => ({
    at: record.at,
    order: order + messages.length,
    text: `${"".padEnd(width)} | #${record.sequence} ${record.events.join(", ")}`,
  }));
  const rows = [...left, ...right].sort((a, b) => a.at - b.at || a.order - b.order);
  const ended = cdr === null
    ? call === null ? "nothing is known of this call" : `live, ${call.phase}`
    : `ended by ${cdr.endedBy}: ${cdr.cause}, talked ${seconds(cdr.durationMs)}`;
  const who = call ?? cdr;
  const head = who === null
    ? []
    : [`${mask(who.caller)} called ${mask(who.dialled)}: ${ended}`, ""];
  const body = rows.map(({ at, text }) => `${time(at).slice(11)}  ${text}`);
  return [...head, ...(who === null ? [ended] : body)].join("\n");
};

const marks = { good: "ok  ", warning: "warn", bad: "BAD " } as const;

export const checks = (rows: ReadonlyArray<Check>): string =>
  rows.map(({ detail, name, verdict }) => `${marks[verdict]}  ${name}: ${mask(detail)}`).join("\n");

/** Only those that have counted something. */
export const counters = (rows: ReadonlyArray<CounterRow>): string => {
  const counted = rows.filter(({ value }) => value > 0);
  return counted.length === 0 ? "nothing counted" : table(
    ["count", "counter", "labels"],
    counted.map(({ labels, name, value }) => [
      String(value),
      name,
      Object.entries(labels).map(([label, text]) => `${label}: ${text}`).join(", "),
    ]),
  );
};
