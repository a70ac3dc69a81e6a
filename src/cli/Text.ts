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
export const mask = (text: string): string =>
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
    ["call", "phase", "caller", "dialled", "callee", "since (UTC)"],
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
    [
      "call",
      "start (UTC)",
      "caller",
      "dialled",
      "callee",
      "talked",
      "cause",
      "ended by",
      "status",
    ],
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
  // A tenant is more than a line of a file: no apply removes one.
  const tenants = kept.filter(({ tenant, what }) => what === `tenant ${tenant}`);
  const rest = kept.filter((change) => !tenants.includes(change));
  if (tenants.length > 0) lines.push(`kept, though not in the file: ${list(tenants)}`);
  if (rest.length > 0) {
    lines.push(`kept, though not in the file (--remove removes them): ${list(rest)}`);
  }
  if (!applied) lines.push("nothing was applied (--dry-run)");
  else if (shown.length > 0) lines.push("applied");
  return lines.join("\n");
};

const list = (changes: ReadonlyArray<Change>): string => {
  const most = 5;
  const named = changes.slice(0, most).map(({ tenant, what }) =>
    what === `tenant ${tenant}` ? mask(what) : `${mask(what)} of ${tenant}`
  );
  const more = changes.length > most ? ` and ${changes.length - most} more` : "";
  return named.join(", ") + more;
};

interface Shown {
  readonly call: CallRow | null;
  readonly cdr: CdrRow | null;
  readonly messages: ReadonlyArray<MessageRow>;
  readonly records: ReadonlyArray<RecordRow>;
}

const columns = { message: 30, gap: "  " } as const;

/**
 * One call by time: messages of the caller on the left, of everybody else in the middle, the
 * actor's records on the right. Tandem is between the peers: arrows to the right lead away from the
 * caller.
 */
export const ladder = ({ call, cdr, messages, records }: Shown): string => {
  const who = call ?? cdr;
  const peers = [...new Set(messages.map(({ peer }) => peer))];
  const rows = [
    ...messages.map((message) => ({ at: message.at, text: messageRow(message, peers) })),
    ...records.map((record) => ({ at: record.at, text: recordRow(record) })),
  ].map((row, order) => ({ ...row, order })).sort((a, b) => a.at - b.at || a.order - b.order);
  const day = rows[0] === undefined ? [] : [`${time(rows[0].at).slice(0, 10)}, times in UTC`];
  const head = who === null
    ? []
    : [`${mask(who.caller)} called ${mask(who.dialled)}: ${endOf(call, cdr)}`];
  const title = line("caller", "others", "records of the call");
  return [
    ...head,
    ...day,
    ...peers.map((peer, n) => `  ${letterOf(n)}  ${mask(peer)}${n === 0 ? ", the caller" : ""}`),
    "",
    `${"".padEnd(14)}${title}`,
    ...rows.map(({ at, text }) => `${time(at).slice(11)}  ${text}`),
  ].join("\n");
};

const endOf = (call: CallRow | null, cdr: CdrRow | null): string => {
  if (cdr === null) return call === null ? "end unknown" : `live, ${call.phase}`;
  const talked = cdr.answeredAt === null ? "not answered" : `talked ${seconds(cdr.durationMs)}`;
  return `${cdr.cause} by ${cdr.endedBy}, ${cdr.status}, ${talked}`;
};

const letterOf = (index: number): string => String.fromCharCode(65 + index % 26);

const fit = (text: string): string =>
  (text.length > columns.message ? `${text.slice(0, columns.message - 1)}…` : text)
    .padEnd(columns.message);

const line = (left: string, middle: string, right: string): string =>
  [fit(left), fit(middle), right].join(columns.gap).trimEnd();

const messageRow = (message: MessageRow, peers: ReadonlyArray<string>): string => {
  const index = peers.indexOf(message.peer);
  const fromLeft = (message.direction === "in") === (index === 0);
  // Of a response the method is told only where the line alone would not say what it answers.
  const [, method = ""] = message.cseq.split(" ");
  const what = message.line.startsWith("SIP/2.0 ")
    ? `${message.line.slice(8)}${method === "INVITE" ? "" : ` (${method})`}`
    : message.line;
  const text = `${letterOf(index)} ${fromLeft ? "-->" : "<--"} ${mask(what)}`;
  return index === 0 ? line(text, "", "") : line("", text, "");
};

const recordRow = ({ events, sequence }: RecordRow): string =>
  line("", "", `#${sequence} ${events.join(", ")}`);

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
