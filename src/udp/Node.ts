/**
 * UDP by `node:dgram`, for runtimes without `Deno.listenDatagram`. The receive buffer of the kernel
 * stays at its default: on Deno a larger one costs CPU for each packet.
 */
import { createSocket, type Socket } from "node:dgram";
import { Effect } from "effect";
import * as Udp from "./Udp.ts";

const wrap = (socket: Socket, options: Udp.BindOptions): Udp.UdpSocket => {
  let closed = false;
  const sent = (error: Error | null) => {
    if (error !== null && !closed) options.failed("send");
  };
  socket.on("error", () => {
    if (!closed) options.failed("receive");
  });
  socket.on("message", (bytes, from) => {
    if (closed) return;
    if (bytes.length > options.maxOctets) return options.failed("oversize");
    options.receive(bytes, bytes.length, from.address, from.port);
  });
  return {
    port: socket.address().port,
    send: (bytes, length, ip, port) => {
      if (closed) return;
      try {
        socket.send(bytes, 0, length, port, ip, sent);
      } catch {
        options.failed("send");
      }
    },
    close: () => {
      if (closed) return;
      closed = true;
      socket.close();
    },
  };
};

const bind = (options: Udp.BindOptions): Effect.Effect<Udp.UdpSocket, Udp.BindFailed> =>
  Effect.callback((resume) => {
    const { ip, port } = options;
    const socket = createSocket(ip.includes(":") ? "udp6" : "udp4");
    const refused = (error: unknown) => {
      const reason = Udp.bindReason((error as { readonly code?: unknown }).code);
      socket.close();
      resume(Effect.fail(new Udp.BindFailed({ ip, port, reason })));
    };
    socket.once("error", refused);
    socket.bind(port, ip, () => {
      socket.off("error", refused);
      resume(Effect.succeed(wrap(socket, options)));
    });
  });

export const make = (): Udp.Udp => ({ bind });
