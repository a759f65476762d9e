//go:build !race

package js_test

// racing tells that the race detector runs.
const racing = false
