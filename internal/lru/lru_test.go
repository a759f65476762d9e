package lru_test

import (
	"testing"
	"time"

	"github.com/registryd/registryd/internal/lru"
)

func TestMap_ForgetsLeastRecentlyUsed(t *testing.T) {
	t.Parallel()
	m := lru.New[string, int](3, nil)
	for i, key := range []string{"a", "b", "c"} {
		m.Put(key, i, 1, 0)
	}
	m.Get("a")
	m.Put("d", 3, 1, 0)
	if _, ok := m.Get("b"); ok {
		t.Error("b was used least recently and is still there")
	}
	for _, key := range []string{"a", "c", "d"} {
		if _, ok := m.Get(key); !ok {
			t.Errorf("%s is gone", key)
		}
	}
}

func TestMap_CostsAddUp(t *testing.T) {
	t.Parallel()
	m := lru.New[string, int](10, nil)
	m.Put("a", 1, 4, 0)
	m.Put("b", 1, 4, 0)
	m.Put("a", 2, 6, 0) // replaced, its old cost given back
	if m.Len() != 2 {
		t.Errorf("%d entries, want 2", m.Len())
	}
	m.Put("huge", 1, 11, 0)
	if _, ok := m.Get("huge"); ok || m.Len() != 2 {
		t.Error("a value larger than the map was kept, or drove others out")
	}
	m.DeleteFunc(func(key string) bool { return key == "a" })
	m.Put("c", 1, 6, 0)
	if _, ok := m.Get("b"); !ok {
		t.Error("deleting did not give the cost back")
	}
}

func TestMap_Expires(t *testing.T) {
	t.Parallel()
	now := time.Unix(1000, 0)
	m := lru.New[string, int](10, func() time.Time { return now })
	m.Put("a", 1, 1, time.Minute)
	now = now.Add(time.Minute - 1)
	if _, ok := m.Get("a"); !ok {
		t.Error("expired early")
	}
	now = now.Add(1)
	if _, ok := m.Get("a"); ok {
		t.Error("still there when its time is over")
	}
}
