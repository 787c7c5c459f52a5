// BullMQ: `node bull.mjs PORT enqueue COUNT KIND`, `node bull.mjs PORT work CONCURRENCY`,
// `node bull.mjs PORT ping`: a ping for each line of its input, answered with the ms that took.
// Kinds: noop, io10 (waits 10 ms), ping (tells its delay).
import { createRequire } from "node:module";
import { createInterface } from "node:readline";
const require = createRequire(process.env.PEERS_NODE + "/");
const { Queue, Worker } = require("bullmq");
const { Redis } = require("ioredis");
const [port, action, first, kind] = process.argv.slice(2);
const connection = { host: "127.0.0.1", port: Number(port), maxRetriesPerRequest: null };
const options = { removeOnComplete: { count: 100 }, removeOnFail: { count: 500 } };
const now = () => performance.timeOrigin + performance.now();
const rest = (ms) => new Promise((done) => setTimeout(done, ms));

if (action === "work") {
  const redis = new Redis(connection);
  new Worker("bench", async (job) => {
    if (job.name === "io10") await rest(10);
    if (job.name === "ping") await redis.rpush("delays", String(now() - job.data.at));
  }, { connection, concurrency: Number(first) });
} else {
  const queue = new Queue("bench", { connection, defaultJobOptions: options });
  if (action === "enqueue") {
    for (let done = 0; done < Number(first); done += 500) {
      await queue.addBulk(Array.from({ length: 500 }, () => ({ name: kind, data: {} })));
    }
  } else {
    for await (const _ of createInterface({ input: process.stdin })) {
      const at = now();
      await queue.add("ping", { at });
      console.log(now() - at);
    }
  }
  await queue.close();
}
