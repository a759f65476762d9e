'use strict'

const fs = require('node:fs')
const path = require('node:path')
const { parseArgs } = require('node:util')
const semver = require('semver')
const { Random } = require('./random.js')
const chosen = require('./chosen.js')

// What pkgref limits and npm does not.
const maxRangeLength = 1024
const withPrereleases = { includePrerelease: true }

// bits packs booleans into hexadecimal digits, four each.
const bits = (flags) => {
  let text = ''
  for (let i = 0; i < flags.length; i += 4) {
    text += flags.slice(i, i + 4).reduce((sum, flag, k) => sum + (flag ? 1 << k : 0), 0).toString(16)
  }
  return text
}

// minVersion gives null where the lowest version would exceed a limit of npm's;
// there npm itself answers with an invalid version, or throws.
const minVersion = (range, options) => {
  try {
    const min = semver.minVersion(range, options)
    return min && semver.valid(min.version)
  } catch (err) {
    if (err instanceof TypeError) return null
    throw err
  }
}

const rangeCase = (r) => {
  const line = { r, n: semver.validRange(r) }
  if (line.n !== null) {
    line.s = bits(chosen.pool.map((v) => semver.satisfies(v, r)))
    line.m = minVersion(r)
  }
  line.pn = semver.validRange(r, withPrereleases)
  if (line.pn !== null) {
    line.ps = bits(chosen.pool.map((v) => semver.satisfies(v, r, withPrereleases)))
    line.pm = minVersion(r, withPrereleases)
  }
  return line
}

const pairCase = (a, b) => ({
  a, b, i: semver.intersects(a, b), pi: semver.intersects(a, b, withPrereleases),
})

const listCase = (l, r) => ({
  l, r, x: semver.maxSatisfying(l, r), px: semver.maxSatisfying(l, r, withPrereleases),
})

const fits = (text) => Buffer.byteLength(text) <= maxRangeLength
const strict = (v) => semver.valid(v) !== null && /^[0-9]/.test(v) && v.trim() === v
const usable = (r) => semver.validRange(r) !== null && semver.validRange(r, withPrereleases) !== null

// until makes n texts that the filter accepts.
const until = (n, make, accept) => {
  const out = []
  while (out.length < n) {
    const text = make()
    if (accept(text)) out.push(text)
  }
  return out
}

const makeRanges = (random, n) => [...new Set([
  ...chosen.ranges,
  ...until(n, () => random.chance(0.1) ? random.soup() : random.range(), fits),
])]

const makePairs = (random, n, ranges) => {
  const own = chosen.ranges.filter(usable)
  const all = ranges.filter(usable)
  return random.times(n, () => pairCase(random.pick(random.chance(0.5) ? own : all), random.pick(all)))
}

const makeLists = (random, n, ranges) => {
  const all = ranges.filter(usable)
  const version = () => random.chance(0.5) ? random.pick(chosen.pool) : until(1, () => random.version(), strict)[0]
  return random.times(n, () => listCase(random.times(random.below(14), version), random.pick(all)))
}

const makeVersions = (random, n) => [...new Set([
  ...chosen.versions,
  ...random.times(n, () => random.chance(0.3) ? random.damage(random.version()) : random.version()),
])]

const makeCompares = (random, n, versions) => {
  const all = versions.filter(strict)
  const near = (v) => random.chance(0.5) ? random.pick(all) : v.replace(/[-+].*|$/, '') + '-' + random.dotted()
  return random.times(n, () => {
    const a = random.pick(all)
    const b = until(1, () => near(a), strict)[0]
    return { a, b, c: semver.compare(a, b) }
  })
}

const write = (dir, name, lines) => {
  fs.writeFileSync(path.join(dir, name), lines.map((line) => JSON.stringify(line) + '\n').join(''))
  console.log(`${name}: ${lines.length}`)
}

const main = () => {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      seed: { type: 'string', default: '1' },
      ranges: { type: 'string', default: '1500' },
      pairs: { type: 'string', default: '700' },
      lists: { type: 'string', default: '250' },
      versions: { type: 'string', default: '300' },
    },
  })
  if (positionals.length !== 1) {
    console.error('usage: node generate.js [--seed N] [--ranges N] [--pairs N] [--lists N] [--versions N] DIR')
    process.exit(2)
  }
  const dir = positionals[0]
  const random = new Random(Number(values.seed))
  const ranges = makeRanges(random, Number(values.ranges))
  const versions = makeVersions(random, Number(values.versions))
  fs.mkdirSync(dir, { recursive: true })
  fs.writeFileSync(path.join(dir, 'pool.json'), JSON.stringify(chosen.pool, null, 1) + '\n')
  write(dir, 'ranges.jsonl', ranges.map(rangeCase))
  write(dir, 'intersects.jsonl', makePairs(random, Number(values.pairs), ranges))
  write(dir, 'max.jsonl', makeLists(random, Number(values.lists), ranges))
  write(dir, 'versions.jsonl', versions.map((v) => ({ v, ok: semver.valid(v) })))
  write(dir, 'compare.jsonl', makeCompares(random, Number(values.versions), versions))
}

main()
