/** Ports that nobody listens on, below the range the kernel gives to clients. */
import { createSocket } from "node:dgram";
import { createServer } from "node:net";
import { until } from "./Until.ts";

const lowest = 20_000;
const highest = 32_000;
const handedOut = new Set<number>();

/** `count` ports in a row, free for UDP and TCP on this address. */
export const free = async (ip = "127.0.0.1", count = 1): Promise<number> => {
  for (let attempt = 0; attempt < 200; attempt += 1) {
    const first = lowest + 2 * Math.floor(Math.random() * (highest - lowest) / 2);
    const row = Array.from({ length: count }, (_, index) => first + index);
    if (row.some((port) => handedOut.has(port))) continue;
    const bound = await Promise.all(row.map((port) => isFree(ip, port)));
    if (!bound.every(Boolean)) continue;
    for (const port of row) handedOut.add(port);
    return first;
  }
  throw new Error(`no ${count} free ports in a row on ${ip}`);
};

const rtpPorts = 400;

/** A range for one engine's media: engines that run side by side rarely get the same. */
export const rtpRange = (): string => {
  const first = 10_000 + rtpPorts * Math.floor(Math.random() * 25);
  return `${first}-${first + rtpPorts - 1}`;
};

/** Waits until somebody listens on the UDP port. */
export const taken = (ip: string, port: number, deadlineMs: number): Promise<boolean> =>
  until(`a listener on ${ip}:${port}`, async () => !(await bindsUdp(ip, port)), deadlineMs);

/** Waits until somebody accepts connections on the TCP port. */
export const takenTcp = (ip: string, port: number, deadlineMs: number): Promise<boolean> =>
  until(`a TCP listener on ${ip}:${port}`, async () => !(await bindsTcp(ip, port)), deadlineMs);

export const isFree = async (ip: string, port: number): Promise<boolean> =>
  await bindsUdp(ip, port) && await bindsTcp(ip, port);

export const bindsUdp = (ip: string, port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = createSocket(ip.includes(":") ? "udp6" : "udp4");
    socket.once("error", () => resolve(false));
    socket.bind(port, ip, () => socket.close(() => resolve(true)));
  });

const bindsTcp = (ip: string, port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, ip, () => server.close(() => resolve(true)));
  });
