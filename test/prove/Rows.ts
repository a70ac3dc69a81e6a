/**
 * The rows that the project must show, each with the parameters of its long form
 * (`npm run prove -- ROW`) and of the sample that every `npm test` runs. Same code, other size.
 */
export type Where =
  | { readonly config: "unit" | "interop"; readonly files: ReadonlyArray<string> }
  | { readonly program: string };

export interface Row<Parameters> {
  readonly what: string;
  readonly where: Where;
  readonly sample: Parameters;
  readonly long: Parameters;
}

const row = <Parameters>(one: Row<Parameters>): Row<Parameters> => one;

export const rows = {
  A1: row({
    what: "two baresip register, one calls, the other answers, each hangs up once",
    where: { config: "interop", files: ["interop/A1"] },
    sample: { rounds: 1 },
    long: { rounds: 10 },
  }),
  A2: row({
    what: "440 Hz and 880 Hz arrive on the other side without a gap over 60 ms",
    where: { config: "interop", files: ["interop/A2"] },
    sample: { seconds: 5 },
    long: { seconds: 60 },
  }),
  A3: row({
    what: "SIPp over UDP and TCP: calls at a rate, every way to end, lost and repeated messages",
    where: { config: "interop", files: ["interop/A3"] },
    sample: { calls: 200, perSecond: 50 },
    long: { calls: 1_000, perSecond: 50 },
  }),
  A4: row({
    what: "RFC 4475 and RFC 5118 torture messages on the wire, a good call after them",
    where: { config: "interop", files: ["interop/A4"] },
    sample: { rounds: 1 },
    long: { rounds: 5 },
  }),
  A5: row({
    what: "kill -9 with calls up and ringing; started again, they live on and end properly",
    where: { config: "interop", files: ["interop/A5"] },
    sample: { calls: 20, kills: 1 },
    long: { calls: 20, kills: 10 },
  }),
  A6: row({
    what: "properties of every decider, and random commands against the model of a call",
    where: { config: "unit", files: ["test/property/"] },
    sample: { runs: 1_000 },
    long: { runs: 10_000 },
  }),
  A7: row({
    what: "the numbers of npm run bench",
    where: { program: "test/bench/Main.ts" },
    sample: { args: ["--sample"] },
    long: { args: [] as ReadonlyArray<string> },
  }),
  T33: row({
    what: "unknown, known and unregistered users cannot be told apart by answer or by time",
    where: { config: "interop", files: ["interop/T33"] },
    sample: { samples: 1_000 },
    long: { samples: 5_000 },
  }),
};

export type Rows = typeof rows;
export type RowName = keyof Rows;

export const isRow = (name: string): name is RowName => Object.hasOwn(rows, name);

/** Set by `npm run prove` to the name of the row that runs in its long form. */
export const variable = "TANDEM_PROVE";

/** The parameters that a row runs with in this process. */
export const parameters = <Name extends RowName>(name: Name): Rows[Name]["sample"] =>
  process.env[variable] === name ? rows[name].long : rows[name].sample;
