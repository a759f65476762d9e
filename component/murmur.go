package component

import "math/bits"

// murmur3 is MurmurHash3 (x86, 32 bits, seed 0) as the original has it: fed with
// UTF-16 units where the algorithm has bytes. For ASCII that is the same.
// Beyond it units overlap, and a tail that looks negative is left out; ids that
// clients have stored depend on both.
func murmur3(units []uint16) uint32 {
	const c1, c2 = 0xcc9e2d51, 0x1b873593
	mix := func(k uint32) uint32 { return bits.RotateLeft32(k*c1, 15) * c2 }
	h, length := uint32(0), uint32(len(units))
	for ; len(units) >= 4; units = units[4:] {
		last := uint32(units[3])
		h ^= mix(uint32(units[0]) ^ uint32(units[1])<<8 ^ uint32(units[2])<<16 ^ (last&0xff)<<24 ^ (last&0xff00)>>8)
		h = bits.RotateLeft32(h, 13)*5 + 0xe6546b64
	}
	k := uint32(0)
	for i, u := range units {
		k ^= uint32(u) << (8 * i)
	}
	if int32(k) > 0 {
		h ^= mix(k)
	}
	h ^= length
	h ^= h >> 16
	h *= 0x85ebca6b
	h ^= h >> 13
	h *= 0xc2b2ae35
	return h ^ h>>16
}
