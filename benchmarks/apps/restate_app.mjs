// The workloads' handlers for Restate's TypeScript SDK: the same as restate_app.py.

import * as restate from "@restatedev/restate-sdk";

const step = async () => 1;
const asleep = new Map();
const lateness = [];
let mostAsleep = 0;

const bench = restate.service({
  name: "Bench",
  handlers: {
    echo: async (ctx, message) => message,

    steps9: async (ctx, start) => {
      let total = start;
      for (let number = 0; number < 9; number++) {
        total += await ctx.run(`step-${number}`, step);
      }
      return total;
    },

    chain9: async (ctx, start) => {
      let total = start;
      for (let number = 0; number < 9; number++) {
        total = await ctx.serviceClient(bench).increment(total);
      }
      return total;
    },

    increment: async (ctx, number) => number + 1,

    fan_out: async (ctx, width) => {
      const calls = [];
      for (let number = 0; number < width; number++) {
        calls.push(ctx.serviceClient(bench).increment(number));
      }
      const results = await restate.RestatePromise.all(calls);
      return results.reduce((sum, result) => sum + result, 0);
    },

    sleeper: async (ctx, seconds) => {
      const id = ctx.rand.uuidv4();
      const begun = asleep.get(id) ?? performance.now();
      asleep.set(id, begun);
      mostAsleep = Math.max(mostAsleep, asleep.size);
      await ctx.sleep(seconds * 1000);
      lateness.push(performance.now() - begun - seconds * 1000);
      asleep.delete(id);
    },

    lateness: async (ctx, ignored) => {
      const late = lateness.length ? [...lateness].sort((a, b) => a - b) : [0];
      const [p50, p99] = [0.5, 0.99].map((share) => late[Math.floor(late.length * share)]);
      return { slept: lateness.length, most: mostAsleep, p50_ms: p50, p99_ms: p99 };
    },
  },
});

const counter = restate.object({
  name: "Counter",
  handlers: {
    add: async (ctx, amount) => {
      const total = ((await ctx.get("total")) ?? 0) + amount;
      ctx.set("total", total);
      return total;
    },
  },
});

restate.serve({ services: [bench, counter], port: Number(process.env.PORT) });
