/** Headless baresip: plays a tone, records what it hears, controlled over its JSON socket. */
import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { domain, secretOf } from "./Directory.ts";
import * as Folders from "./Folders.ts";
import * as Ports from "./Ports.ts";
import * as Processes from "./Processes.ts";
import type { Address } from "./SipMessage.ts";
import { until, within } from "./Until.ts";
import * as Wav from "./Wav.ts";

export interface Options {
  readonly extension: string;
  /** The engine to register at; without one it only waits for calls to its own address. */
  readonly engine?: Address;
  readonly toneHz: number;
  readonly transport?: "udp" | "tcp" | "tls";
  /** File with the certificate that the engine must show over TLS. */
  readonly ca?: string;
}

export interface Event {
  readonly type: string;
  readonly [field: string]: unknown;
}

export interface Baresip {
  readonly address: Address;
  /** Waits until its registrar has taken it. */
  readonly registered: () => Promise<true>;
  readonly command: (command: string, parameters?: string) => Promise<string>;
  readonly dial: (uri: string) => Promise<string>;
  readonly answer: () => Promise<string>;
  readonly hangUp: () => Promise<string>;
  /** The next event of this type, those that already came included. */
  readonly event: (type: string, deadlineMs?: number) => Promise<Event>;
  /** What it heard of its calls, in their order; complete when the call is closed. */
  readonly heard: () => ReadonlyArray<Wav.Audio>;
  /** What it sent. */
  readonly said: () => ReadonlyArray<Wav.Audio>;
  readonly output: () => string;
  readonly stop: () => Promise<void>;
}

const eventMs = 10_000;
const moduleFolders = [
  "/usr/lib/baresip/modules",
  "/usr/local/lib/baresip/modules",
  "/opt/homebrew/lib/baresip/modules",
] as const;

/** Where its modules are on this machine. */
export const modules: string = moduleFolders.find((known) => existsSync(known)) ?? moduleFolders[0];

export const start = async (options: Options): Promise<Baresip> => {
  const folder = Folders.make("baresip");
  const ip = "127.0.0.1";
  // It opens SIP over TLS on the port after its SIP port.
  const port = await Ports.free(ip, 2);
  const control = await Ports.free(ip);
  configure(folder, options, { ip, port }, control);
  const ran = Processes.start("baresip", ["-4", "-v", "-f", folder], { cwd: folder });
  await Promise.race([Ports.takenTcp(ip, control, eventMs), ran.exited]);
  const { command, event, close } = await open(control, ran);
  const recorded = (direction: "dec" | "enc") =>
    readdirSync(folder)
      .filter((file) => file.endsWith(`-${direction}.wav`))
      .sort()
      .map((file) => Wav.read(join(folder, file)));
  return {
    address: { ip, port },
    registered: () =>
      // Its event may come before anybody is connected to hear it.
      until(
        "baresip's registration",
        () => /\[[1-9]\d* bindings?\]/.test(ran.output()),
        eventMs,
        { context: ran.output },
      ),
    command,
    dial: (uri) => command("dial", uri),
    answer: () => command("accept"),
    hangUp: () => command("hangup"),
    event,
    heard: () => recorded("dec"),
    said: () => recorded("enc"),
    output: ran.output,
    stop: async () => {
      close();
      await Processes.end(ran);
    },
  };
};

const toneSeconds = 120;

const configure = (folder: string, options: Options, own: Address, control: number): void => {
  const tone = join(folder, "tone.wav");
  Wav.write(tone, Wav.sine(options.toneHz, toneSeconds));
  mkdirSync(folder, { recursive: true });
  const config = {
    sip_listen: `${own.ip}:${own.port}`,
    // Else its SDP names the host's own address.
    net_interface: own.ip,
    audio_player: "aubridge,nowhere",
    audio_source: `aufile,${tone}`,
    audio_alert: "aubridge,nowhere",
    ausrc_srate: "8000",
    auplay_srate: "8000",
    ausrc_channels: "1",
    auplay_channels: "1",
    jitter_buffer_delay: "1-20",
    snd_path: folder,
    ctrl_tcp_listen: `${own.ip}:${control}`,
    statmode_default: "off",
    module_path: modules,
    ...(options.ca === undefined ? {} : { sip_cafile: options.ca }),
  };
  const lines = [
    ...Object.entries(config).map(([name, value]) => `${name} ${value}`),
    ...["g711", "aufile", "aubridge", "sndfile"].map((module) => `module ${module}.so`),
    "module_tmp account.so",
    "module_app menu.so",
    "module_app ctrl_tcp.so",
  ];
  writeFileSync(join(folder, "config"), `${lines.join("\n")}\n`);
  writeFileSync(join(folder, "accounts"), `${account(options, own)}\n`);
  writeFileSync(join(folder, "contacts"), "");
};

const account = (options: Options, own: Address): string => {
  const { extension, engine, transport = "udp" } = options;
  const codec = "audio_codecs=PCMU;answermode=manual";
  if (engine === undefined) return `<sip:${extension}@${own.ip}:${own.port}>;regint=0;${codec}`;
  return [
    `<sip:${extension}@${domain};transport=${transport}>`,
    `auth_user=${extension}`,
    `auth_pass=${secretOf(extension)}`,
    `outbound="sip:${engine.ip}:${engine.port};transport=${transport}"`,
    "regint=60",
    codec,
  ].join(";");
};

/** Its control socket: JSON in netstrings (`length:text,`) both ways. */
const open = (port: number, ran: Processes.Started) => {
  const socket = connect(port, "127.0.0.1");
  const events: Array<Event> = [];
  const replies = new Map<string, Reply>();
  let tokens = 0;
  const read = netstrings((text) => {
    const message = JSON.parse(text) as Event & Reply & { event?: boolean; token?: string };
    if (message.event === true) events.push(message);
    else if (message.token !== undefined) replies.set(message.token, message);
  });
  socket.on("data", (bytes: Uint8Array) => read(new TextDecoder("latin1").decode(bytes)));
  socket.on("error", () => undefined);
  const command = async (name: string, parameters = ""): Promise<string> => {
    tokens += 1;
    const token = String(tokens);
    const text = JSON.stringify({ command: name, params: parameters, token });
    socket.write(`${text.length}:${text},`);
    const answered = () => replies.get(token);
    const reply = await until(`reply to ${name}`, answered, eventMs, {
      context: ran.output,
    });
    if (reply.ok !== true) throw new Error(`baresip ${name} ${parameters}: ${reply.data}`);
    return reply.data ?? "";
  };
  const event = (type: string, deadlineMs = eventMs): Promise<Event> =>
    until(
      `baresip event ${type}`,
      () => {
        const index = events.findIndex((one) => one.type === type);
        return index === -1 ? undefined : events.splice(index, 1)[0];
      },
      deadlineMs,
      { context: () => `events: ${JSON.stringify(events)}\n${ran.output()}` },
    );
  const connected = new Promise<void>((resolve) => socket.once("connect", () => resolve()));
  const opened = { command, event, close: () => socket.destroy() };
  return within("baresip's control socket", connected, eventMs, ran.output).then(() => opened);
};

interface Reply {
  readonly ok?: boolean;
  readonly data?: string;
}

/** Cuts a stream into the texts of its netstrings. */
export const netstrings = (take: (text: string) => void): (chunk: string) => void => {
  let buffer = "";
  return (chunk) => {
    buffer += chunk;
    for (;;) {
      const colon = buffer.indexOf(":");
      if (colon === -1) return;
      const end = colon + 1 + Number(buffer.slice(0, colon));
      if (buffer.length <= end) return;
      take(buffer.slice(colon + 1, end));
      buffer = buffer.slice(end + 1);
    }
  };
};
