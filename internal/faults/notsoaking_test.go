//go:build !soak

package faults_test

// soaking tells that there is time for the long form of tests.
const soaking = false
