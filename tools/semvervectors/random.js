'use strict'

// Random texts around the grammar of versions and ranges: mostly valid, often
// odd, sometimes broken. Everything depends on the seed alone.

class Random {
  constructor (seed) {
    this.state = seed >>> 0
    this.odds = 1 // weight of odd choices; 0 keeps to the plain grammar
  }

  // next returns a number in [0, 1) (the mulberry32 generator).
  next () {
    this.state = (this.state + 0x6d2b79f5) >>> 0
    let t = this.state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }

  below (n) { return Math.floor(this.next() * n) }
  chance (p) { return this.next() < p }
  odd (p) { return this.chance(p * this.odds) }
  pick (list) { return list[this.below(list.length)] }
  times (n, make) { return Array.from({ length: n }, () => make()) }

  number () {
    if (!this.odd(0.07)) return this.pick(['0', '0', '0', '1', '1', '1', '2', '2', '3', '4', '9', '10', '12'])
    return this.pick(['9007199254740990', '9007199254740991', '9007199254740992', '9007199254740993',
      '18446744073709551616', '99999999999999999999', '1000000000000000000000', '01', '00', '007', '9'.repeat(257),
      '9'.repeat(258)])
  }

  identifier () {
    if (!this.odd(0.06)) {
      return this.pick(['0', '1', '2', '10', 'alpha', 'beta', 'rc', 'a', 'b', 'pre', 'v', 'x', 'X', '-', '--', '1a', 'a1', '0a'])
    }
    return this.pick(['01', '00a', '9007199254740991', '9007199254740992', '9007199254740993', '18446744073709551617',
      '18446744073709551616', 'A', 'Z', 'a'.repeat(120), 'a'.repeat(250), 'a'.repeat(251), 'a'.repeat(252), ''])
  }

  dotted () { return this.times(1 + this.below(this.chance(0.7) ? 1 : 4), () => this.identifier()).join('.') }
  prerelease (p) { return this.chance(p) ? '-' + this.dotted() : '' }
  build (p) { return this.chance(p) ? '+' + this.dotted() : '' }

  version () {
    this.odds = this.pick([0, 0.3, 1])
    return this.times(3, () => this.number()).join('.') + this.prerelease(0.45) + this.build(0.1)
  }

  part () { return this.chance(0.15) ? this.pick(['x', 'X', '*']) : this.number() }

  partial () {
    const parts = this.times(this.pick([1, 2, 3, 3, 3]), () => this.part()).join('.')
    const prefix = this.odd(0.5) ? this.pick(['v', '=', 'v=', '=v', 'v ', '= ', 'vv']) : ''
    return prefix + parts + (this.odd(0.25) || parts.split('.').length === 3 ? this.prerelease(0.3) + this.build(0.07) : '')
  }

  blank () {
    if (!this.odd(0.2)) return ' '
    return this.pick(['', '  ', '\t', '\n', '\u00a0', '\ufeff', '\u2003 ', '\u0085', '\u200b', ' \u3000', '\v', '\u180e'])
  }

  maybeBlank (p) { return this.chance(p) ? this.blank() : '' }

  simple () {
    const op = this.odd(0.2)
      ? this.pick(['=>', '=<', '>>', '==', '!', '~=', '^^', '~^', '*', '>*'])
      : this.pick(['', '', '', '^', '^', '~', '~', '~>', '>', '>=', '>=', '<', '<', '<=', '='])
    return op + this.maybeBlank(0.2) + this.partial()
  }

  hyphen () { return this.partial() + this.blank() + '-' + this.blank() + this.partial() }

  alternative () {
    if (this.chance(0.2)) return this.hyphen() + (this.odd(0.15) ? this.blank() + this.simple() : '')
    return this.times(this.pick([0, 1, 1, 1, 1, 1, 2, 2, 3, 4]), () => this.simple()).join(this.blank())
  }

  range () {
    this.odds = this.pick([0, 0, 0.3, 1])
    const joined = this.times(this.pick([1, 1, 1, 2, 3]), () => this.alternative()).join(this.pick(['||', ' || ', '|| ', ' ||']))
    const text = this.maybeBlank(0.05) + joined + this.maybeBlank(0.05)
    return this.odd(0.4) ? this.damage(text) : text
  }

  // damage changes a few characters.
  damage (text) {
    for (let n = 1 + this.below(3); n > 0; n--) {
      const i = this.below(text.length + 1)
      const add = this.chance(0.7) ? this.pick([...' .xX*v=<>~^|-+019aé', '||', ' - ', '.*', '>=']) : ''
      text = text.slice(0, i) + add + text.slice(i + this.below(2))
    }
    return text
  }

  // soup is text with hardly any grammar.
  soup () {
    const bits = [' ', '.', 'x', '*', 'v', '=', '<', '>', '~', '^', '||', '-', '+', '0', '1', '2', '1.2.3', '1.2.3-v', ' - ', '>=', '+b', '~>']
    return this.times(1 + this.below(9), () => this.pick(bits)).join('')
  }
}

module.exports = { Random }
