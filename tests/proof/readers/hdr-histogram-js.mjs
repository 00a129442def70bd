// Reads latency.hlog with hdr-histogram-js, an implementation of its own, and prints count and percentiles of each tag.
import { readFileSync } from "node:fs";
import hdr from "hdr-histogram-js";

const reader = new hdr.HistogramLogReader(readFileSync(process.argv[2], "utf8"));
const totals = new Map();
for (let next = reader.nextIntervalHistogram(); next; next = reader.nextIntervalHistogram()) {
  if (!totals.has(next.tag)) totals.set(next.tag, hdr.build({ highestTrackableValue: 120_000_000, numberOfSignificantValueDigits: 3 }));
  totals.get(next.tag).add(next);
}
for (const [tag, total] of [...totals].sort())
  console.log([tag, total.totalCount, ...[50, 95, 99].map((p) => total.getValueAtPercentile(p))].join(" "));
