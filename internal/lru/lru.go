// Package lru holds a map that forgets what was used least recently.
package lru

import (
	"container/list"
	"sync"
	"time"
)

// Map is bounded by the sum of its entries' costs. An entry may also expire.
// Safe for concurrent use; make one with New.
type Map[K comparable, V any] struct {
	capacity int
	now      func() time.Time

	mu      sync.Mutex
	cost    int
	order   *list.List // front: used last
	entries map[K]*list.Element
}

type entry[K comparable, V any] struct {
	key     K
	value   V
	cost    int
	expires time.Time // zero: never
}

// New returns a map whose costs add up to at most capacity. now nil means
// time.Now.
func New[K comparable, V any](capacity int, now func() time.Time) *Map[K, V] {
	if now == nil {
		now = time.Now
	}
	return &Map[K, V]{capacity: capacity, now: now, order: list.New(), entries: map[K]*list.Element{}}
}

// Get returns the value of key unless it was forgotten or has expired.
func (m *Map[K, V]) Get(key K) (value V, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	el, ok := m.entries[key]
	if !ok {
		return value, false
	}
	e := el.Value.(*entry[K, V])
	if !e.expires.IsZero() && !m.now().Before(e.expires) {
		m.remove(el)
		return value, false
	}
	m.order.MoveToFront(el)
	return e.value, true
}

// Put stores value at the given cost (at least 1). ttl 0 never expires. A
// value that costs more than the whole map is not kept.
func (m *Map[K, V]) Put(key K, value V, cost int, ttl time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if el, ok := m.entries[key]; ok {
		m.remove(el)
	}
	cost = max(cost, 1)
	if cost > m.capacity {
		return
	}
	e := &entry[K, V]{key: key, value: value, cost: cost}
	if ttl > 0 {
		e.expires = m.now().Add(ttl)
	}
	m.entries[key] = m.order.PushFront(e)
	m.cost += cost
	for m.cost > m.capacity {
		m.remove(m.order.Back())
	}
}

// Delete forgets key.
func (m *Map[K, V]) Delete(key K) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if el, ok := m.entries[key]; ok {
		m.remove(el)
	}
}

// DeleteFunc forgets every entry whose key satisfies drop.
func (m *Map[K, V]) DeleteFunc(drop func(K) bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for key, el := range m.entries {
		if drop(key) {
			m.remove(el)
		}
	}
}

// Len returns the number of entries, expired ones included.
func (m *Map[K, V]) Len() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.order.Len()
}

// remove unlinks el. The caller holds mu.
func (m *Map[K, V]) remove(el *list.Element) {
	e := m.order.Remove(el).(*entry[K, V])
	delete(m.entries, e.key)
	m.cost -= e.cost
}
