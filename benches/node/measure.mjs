// Times of functions, each by turns with the others, so that what else the machine does falls on all.

const ROUNDS = 100

/** `cases` are names and functions that do `count` units of work; returns the least ns a unit of each. */
export function measure(cases, count = 1) {
  const times = new Map(Object.keys(cases).map((name) => [name, Infinity]))
  const repeats = new Map()
  for (const [name, run] of Object.entries(cases)) {
    // Warm enough to be compiled, then as often as takes 2 ms.
    const from = process.hrtime.bigint()
    let runs = 0
    while (process.hrtime.bigint() - from < 100_000_000n) {
      run()
      runs += 1
    }
    repeats.set(name, Math.max(1, Math.ceil(runs / 50)))
  }
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const [name, run] of Object.entries(cases)) {
      const repeat = repeats.get(name)
      const from = process.hrtime.bigint()
      for (let turn = 0; turn < repeat; turn += 1) run()
      const ns = Number(process.hrtime.bigint() - from) / (repeat * count)
      times.set(name, Math.min(times.get(name), ns))
    }
  }
  return Object.fromEntries(times)
}
