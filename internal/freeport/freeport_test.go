package freeport_test

import (
	"net"
	"testing"

	"github.com/registryd/registryd/internal/freeport"
)

func TestAddress(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for range 50 {
		address := freeport.Address(t)
		if seen[address] {
			t.Errorf("%s was given away twice", address)
		}
		seen[address] = true
	}
	for address := range seen {
		l, err := net.Listen("tcp", address)
		if err != nil {
			t.Errorf("%s cannot be listened on: %v", address, err)
			continue
		}
		l.Close()
	}
}
