// The report's page and picture.

const SECTIONS = [
  ['frame', 'decode', 'μ-law decode, 160 samples', 'alawmulaw'],
  ['frame', 'encode', 'μ-law encode, 160 samples', 'alawmulaw'],
  ['mib', 'decode', 'μ-law decode, 1 MiB', 'alawmulaw'],
  ['mib', 'encode', 'μ-law encode, 1 MiB', 'alawmulaw'],
  ['up', undefined, '8 → 24 kHz, 20 ms', 'speex-resampler q3'],
  ['down', undefined, '24 → 8 kHz, 20 ms', 'speex-resampler q3'],
  ['path', undefined, 'whole path, text to text, both ways, 20 ms', 'by hand, speex-resampler q3'],
]

/** What was aimed for, and what of it was reached. */
function goals({ frame, mib, up, path, loop }) {
  const ratio = (a, b) => b / a
  return [
    ['μ-law `decodeInto` against alawmulaw, 160 samples', 4, ratio(frame.decode['trunkline decodeInto'], frame.decode.alawmulaw)],
    ['μ-law `decodeInto` against alawmulaw, 1 MiB', 20, ratio(mib.decode['trunkline decodeInto'], mib.decode.alawmulaw)],
    ['8 → 24 kHz against speex in wasm, quality 3', 30, ratio(up['trunkline processInto'], up['speex-resampler q3'])],
    ['whole path against the one with speex', 25, ratio(path['trunkline Bridge'], path['by hand, speex-resampler q3'])],
    ['whole path against the unfiltered one', 5, ratio(path['trunkline Bridge'], path['by hand, unfiltered'])],
    ['event-loop delay p99, 200 calls together, against the one with speex', 5, ratio(loop.together.bridge.p99, loop.together.speex.p99)],
    ['event-loop delay p99, 200 calls spread over 20 ms, against the same', 5, ratio(loop.spread.bridge.p99, loop.spread.speex.p99)],
  ]
}

export function page(results, { cpu, cores, instructionSet, node, date }) {
  const lines = [
    '# Node: beside the packages that do the same work',
    '',
    `\`make bench-node\`, ${date}: ${cpu}, ${cores} cores, ${instructionSet}, Node ${node}. Each row's functions run by turns in one`,
    'process; the least of 100 rounds of some 2 ms (of 3,000 seconds of audio for the whole path), between which most garbage is collected,',
    'to the advantage of those that make more. The machine is shared: read the ratios. The hand-written paths are',
    '[`paths.mjs`](../node/paths.mjs): JSON, `Buffer` and tables, with speex in wasm or with a line between two samples. The Bridge does',
    'all that it does in a call: time line, pacing, marks and their echoes.',
    '',
    '| goal | at least | measured | |',
    '|---|---:|---:|---|',
    ...goals(results).map(
      ([name, goal, ratio]) =>
        `| ${name} | ${goal}× | ${ratio.toFixed(1)}× | ${ratio >= goal ? 'reached' : '**not reached**'} |`,
    ),
    '',
    '![time for 20 ms of audio](node.svg)',
  ]
  for (const [part, name, title, against] of SECTIONS) {
    const times = name ? results[part][name] : results[part]
    lines.push('', `## ${title}`, '', '| | time | times as fast |', '|---|---:|---:|')
    for (const [label, ns] of Object.entries(times)) {
      lines.push(`| ${label} | ${time(ns)} | ${(times[against] / ns).toFixed(1)} |`)
    }
  }
  lines.push(
    '',
    '## Event loop with 200 calls in one process',
    '',
    'Each call has a frame of the caller and a delta of the model every 20 ms, made ahead; what is to be sent is thrown away, so that',
    'sockets do not count. The frames of all calls come together, as after a stall of the network, or are spread over the 20 ms, on a timer',
    'for each call. Delays are what `monitorEventLoopDelay` measures beyond its own 1 ms; the better of two runs of 10 s. *Nothing* is the',
    'timers alone: what is below it cannot be seen.',
    '',
    '| | p50 | p99 | most | CPU | frames a second and call |',
    '|---|---:|---:|---:|---:|---:|',
  )
  const names = {
    bridge: 'trunkline Bridge',
    speex: 'by hand, speex-resampler q3',
    lines: 'by hand, unfiltered',
    nothing: 'nothing',
  }
  for (const [arrival, ways] of Object.entries(results.loop)) {
    for (const [way, { p50, p99, max, cpu, frames }] of Object.entries(ways)) {
      const ms = [p50, p99, max].map((value) => `${value.toFixed(2)} ms`).join(' | ')
      lines.push(
        `| ${arrival}: ${names[way]} | ${ms} | ${(100 * cpu).toFixed(0)} % | ${frames.toFixed(1)} |`,
      )
    }
  }
  return `${lines.join('\n')}\n`
}

/** Bars on a logarithmic scale. */
export function picture({ frame, up, down, path }) {
  const groups = [
    ['μ-law decode, 160 samples', frame.decode],
    ['μ-law encode, 160 samples', frame.encode],
    ['8 → 24 kHz', up],
    ['24 → 8 kHz', down],
    ['whole path, both ways', path],
  ]
  const [from, to] = [20, 1e6]
  const [left, width, row] = [230, 470, 18]
  const x = (ns) => left + (width * Math.log(ns / from)) / Math.log(to / from)
  const parts = []
  let y = 40
  const text = (at, words, more = '') => parts.push(`<text x="${at}" y="${y + 12}" ${more}>${words}</text>`)
  for (const [title, times] of groups) {
    text(10, title, 'font-weight="bold"')
    y += row
    for (const [name, ns] of Object.entries(times)) {
      const color = name.startsWith('trunkline') ? '#1f6feb' : '#9aa4ae'
      text(left - 8, name, 'text-anchor="end"')
      parts.push(`<rect x="${left}" y="${y + 2}" width="${(x(ns) - left).toFixed(1)}" height="12" fill="${color}"/>`)
      text((x(ns) + 6).toFixed(1), time(ns))
      y += row
    }
    y += 10
  }
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" width="800" height="${y + 10}" font-family="sans-serif" font-size="12">\n` +
    '<rect width="100%" height="100%" fill="white"/>\n' +
    '<text x="10" y="22" font-size="15">Time for 20 ms of audio in Node, logarithmic scale</text>\n' +
    `${parts.join('\n')}\n</svg>\n`
  )
}

function time(ns) {
  if (ns < 1_000) return `${ns.toFixed(0)} ns`
  if (ns < 1e6) return `${(ns / 1e3).toFixed(ns < 1e4 ? 2 : 1)} µs`
  return `${(ns / 1e6).toFixed(2)} ms`
}
