/** The UDP adapter that fits the runtime. */
import * as DenoUdp from "../udp/Deno.ts";
import * as NodeUdp from "../udp/Node.ts";
import type { Udp } from "../udp/Udp.ts";

export const udp = (): Udp => "Deno" in globalThis ? DenoUdp.make() : NodeUdp.make();
