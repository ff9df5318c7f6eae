// What the scripts of the clients in JavaScript share; as world.py.
import { execFile } from "node:child_process";
import { createServer } from "node:http";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);
const env = process.env;
export const BASE = env.SDK_BASE;
export const PHONE = env.SDK_PHONE;
export const WABA = env.SDK_WABA;
export const APP_SECRET = env.SDK_APP_SECRET;
export const TOKEN = env.SDK_TOKEN;
export const VERIFY = "bread";
export const PNG = readFileSync(join(env.SDK_FOLDER, "picture.png"));
const PATIENCE = 20_000;

/** A person at the other end, through the binary. */
export class Customer {
  constructor(name) {
    this.name = name;
  }

  async run(...args) {
    const { stdout } = await run(env.SDK_LACRE, ["--profile", join(env.SDK_FOLDER, this.name), ...args, "--json"]);
    return stdout.split("\n").filter(Boolean).map((line) => JSON.parse(line));
  }

  async send(...args) {
    return (await this.run("send", env.SDK_BUSINESS, ...args)).at(-1).id;
  }

  async read(...args) {
    return (await this.run("read", ...args)).filter((row) => !row.mine);
  }

  finds(what, look, ...args) {
    return until(what, async () => (await this.read(...args)).find(look));
  }
}

/** Waits until something is there. */
export async function until(what, look) {
  for (const end = Date.now() + PATIENCE; Date.now() < end; ) {
    const found = await look();
    if (found) return found;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`${what}: it did not happen in ${PATIENCE / 1000} s`);
}

/** One row for each call: what was tried, whether it did what it should. */
export class Table {
  constructor(sdk) {
    this.sdk = sdk;
  }

  row(call, why) {
    console.log(JSON.stringify({ sdk: this.sdk, call, why }));
  }

  async works(call, act) {
    try {
      const given = await act();
      this.row(call, null);
      return given;
    } catch (error) {
      this.row(call, `${error.name}: ${error.message}`.slice(0, 600));
      return undefined;
    }
  }

  async refuses(call, kind, act, code) {
    try {
      const given = await act();
      this.row(call, `it was taken: ${JSON.stringify(given)}`.slice(0, 600));
    } catch (error) {
      const right = error instanceof kind && (code === undefined || error.code === code);
      this.row(call, right ? null : `${error.name} ${error.code}: ${error.message}`.slice(0, 600));
    }
  }
}

export function same(got, wanted) {
  const [a, b] = [got, wanted].map((it) => JSON.stringify(it));
  if (a !== b) throw new Error(`${a} is not ${b}`);
  return got;
}

/** A server on this machine; gives its address. */
export async function serve(handler) {
  const server = createServer(async (request, response) => {
    const pieces = [];
    for await (const piece of request) pieces.push(piece);
    const { status = 200, kind = "text/plain", body = "" } = await handler(request, Buffer.concat(pieces));
    response.writeHead(status, { "Content-Type": kind, "Content-Length": Buffer.byteLength(body) });
    response.end(body);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  server.unref();
  return `http://127.0.0.1:${server.address().port}`;
}

/** Sets where the account's events go: a call that these clients do not have. */
export async function subscribe(callback) {
  const response = await fetch(`${BASE}/v23.0/${WABA}/subscribed_apps`, {
    method: "POST",
    headers: { Authorization: `Bearer ${TOKEN}`, "Content-Type": "application/json" },
    body: JSON.stringify({ override_callback_uri: callback, verify_token: VERIFY }),
  });
  if (!response.ok) throw new Error(await response.text());
}
