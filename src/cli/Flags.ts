/** Flags that several commands share, and those of `start`; each reads its TANDEM_ variable. */
import { isIP } from "node:net";
import { Config, Option } from "effect";
import { Flag } from "effect/cli";

/** `10000-19999`. */
export interface PortRange {
  readonly first: number;
  readonly last: number;
}

/** A value that is text on the command line as in the environment, read and checked in one way. */
const value = <A>(options: {
  readonly name: string;
  readonly shape: string;
  readonly usual: string;
  readonly what: string;
  readonly read: (text: string) => A | undefined;
  readonly expected: string;
  readonly variable?: string;
}): Flag.Flag<A> => {
  const { expected, name, read, shape, usual, variable, what } = options;
  const flag = Flag.String(name).pipe(
    Flag.withMetavar(shape),
    Flag.withDescription(
      `${what} [${usual}${variable === undefined ? "" : `; or ${variable}`}]`,
    ),
  );
  const named = variable === undefined
    ? flag
    : Flag.withFallbackConfig(flag, Config.String(variable));
  return named.pipe(
    Flag.withDefault(usual),
    Flag.filterMap((text) => Option.fromUndefinedOr(read(text)), () => expected),
  );
};

const integer = (text: string, least: number, most: number): number | undefined => {
  const number = /^\d{1,9}$/.test(text) ? Number(text) : undefined;
  return number !== undefined && number >= least && number <= most ? number : undefined;
};

const range = (text: string): PortRange | undefined => {
  const [, first, last] = /^(\d{1,5})-(\d{1,5})$/.exec(text) ?? [];
  if (first === undefined) return undefined;
  const ports = { first: Number(first), last: Number(last) };
  return ports.first >= 1024 && ports.last <= 65_535 && ports.last - ports.first >= 3
    ? ports
    : undefined;
};

/** Phones are told this address: one that stands for all interfaces would lead them nowhere. */
const address = (text: string): string | undefined =>
  isIP(text) === 0 || /^[0.:]+$/.test(text) ? undefined : text;

const text = (given: string): string | undefined => given === "" ? undefined : given;

export const data = value({
  name: "data",
  shape: "DIR",
  usual: "data",
  variable: "TANDEM_DATA",
  what: "Data folder: journal, projections, keys",
  read: text,
  expected: "a folder",
});

export const json = Flag.Boolean("json").pipe(
  Flag.withDescription("Print JSON and nothing else"),
  Flag.withDefault(false),
);

export const tenant = Flag.String("tenant").pipe(
  Flag.withMetavar("ID"),
  Flag.withDescription("Only calls of this tenant"),
  Flag.optional,
);

export const limit = value({
  name: "limit",
  shape: "N",
  usual: "1000",
  what: "At most so many, the newest",
  read: (given) => integer(given, 1, 1_000_000),
  expected: "a number from 1 to 1000000",
});

export const directory = Flag.String("directory").pipe(
  Flag.withMetavar("FILE"),
  Flag.withDescription("Directory file to apply [two demo phones; or TANDEM_DIRECTORY]"),
  Flag.withFallbackConfig(Config.String("TANDEM_DIRECTORY")),
  Flag.optional,
);

export const bind = value({
  name: "bind",
  shape: "IP",
  usual: "127.0.0.1",
  variable: "TANDEM_BIND",
  what: "Address of this machine that phones reach",
  read: address,
  expected: "one IP address of this machine",
});

const port = (name: string, usual: number, what: string): Flag.Flag<number> =>
  value({
    name,
    shape: "N",
    usual: String(usual),
    variable: `TANDEM_${name.toUpperCase().replaceAll("-", "_")}`,
    what,
    read: (given) => integer(given, 0, 65_535),
    expected: "a port from 0 (any free one) to 65535",
  });

export const sipPort = port("sip-port", 5060, "SIP over UDP and TCP");
export const tlsPort = port("tls-port", 5061, "SIP over TLS");
export const wssPort = port("wss-port", 5443, "SIP over secure WebSockets");
export const httpsPort = port("https-port", 8443, "HTTPS: /health for probes");

export const rtpPorts = value({
  name: "rtp-ports",
  shape: "FIRST-LAST",
  usual: "10000-19999",
  variable: "TANDEM_RTP_PORTS",
  what: "UDP ports for media",
  read: range,
  expected: "at least four ports from 1024 to 65535, such as 10000-19999",
});

export const wssOrigins = Flag.String("wss-origins").pipe(
  Flag.withMetavar("URL,URL"),
  Flag.withDescription("Origins of web pages that may connect [all; or TANDEM_WSS_ORIGINS]"),
  Flag.withFallbackConfig(Config.String("TANDEM_WSS_ORIGINS")),
  Flag.optional,
);
