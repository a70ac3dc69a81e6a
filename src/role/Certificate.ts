/**
 * The certificate of the TLS, WSS and HTTPS listeners. Without one of the operator's a self-signed
 * one is made in the data folder, good enough to try with, and renewed a month before it ends.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { X509Certificate } from "node:crypto";
import { join } from "node:path";
import { Effect } from "effect";
import type { Certificate } from "../edge/Streams.ts";
import { DataFolderRefused } from "./DataFolder.ts";

const dayMs = 86_400_000;
const lifeDays = 397;
const renewDays = 30;

/** True while the stored one is for this address and not about to end. */
const isUsable = (certificate: string, address: string, now: number): boolean => {
  const { subjectAltName = "", validTo } = new X509Certificate(certificate);
  return Date.parse(validTo) - now > renewDays * dayMs &&
    subjectAltName.split(", ").includes(`IP Address:${address}`);
};

const generate = async (address: string, now: number): Promise<Certificate> => {
  // Only here: the library is large, and needed once a year.
  await import("reflect-metadata");
  const x509 = await import("@peculiar/x509");
  const keys = await crypto.subtle.generateKey(
    { name: "ECDSA", namedCurve: "P-256" },
    true,
    ["sign", "verify"],
  );
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: Buffer.from(crypto.getRandomValues(new Uint8Array(15))).toString("hex"),
    name: "CN=Tandem",
    notBefore: new Date(now - dayMs),
    notAfter: new Date(now + lifeDays * dayMs),
    keys,
    signingAlgorithm: { name: "ECDSA", hash: "SHA-256" },
    extensions: [
      new x509.BasicConstraintsExtension(false),
      new x509.SubjectAlternativeNameExtension([
        { type: "ip", value: address },
        { type: "dns", value: "localhost" },
      ]),
    ],
  });
  const key = await crypto.subtle.exportKey("pkcs8", keys.privateKey);
  return {
    certificate: certificate.toString("pem"),
    key: x509.PemConverter.encode(key, "PRIVATE KEY"),
  };
};

/** `folder` holds `certificate.pem` and `key.pem`; both are made when they are missing. */
export const load = (folder: string, address: string, now: number) =>
  Effect.tryPromise({
    try: async (): Promise<Certificate> => {
      const certificatePath = join(folder, "certificate.pem");
      const keyPath = join(folder, "key.pem");
      if (existsSync(certificatePath) && existsSync(keyPath)) {
        const stored = {
          certificate: readFileSync(certificatePath, "utf8"),
          key: readFileSync(keyPath, "utf8"),
        };
        if (isUsable(stored.certificate, address, now)) return stored;
      }
      const made = await generate(address, now);
      mkdirSync(folder, { recursive: true, mode: 0o700 });
      writeFileSync(keyPath, made.key, { mode: 0o600 });
      writeFileSync(certificatePath, made.certificate, { mode: 0o600 });
      return made;
    },
    catch: (cause) =>
      new DataFolderRefused({
        folder,
        reason: `its certificate cannot be read or made (${cause})`,
        remedy: "remove the folder: a new certificate is made at the next start",
      }),
  });
