// How a script here talks with the test: it prints {"visit": url}, and reads the address at which the browser landed.
import { createInterface } from "node:readline";

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();

export async function visit(url) {
  tell({ visit: url.toString() });
  const { value } = await lines.next();
  return new URL(value);
}

export function tell(message) {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}

export function done() {
  process.stdin.destroy();
}
