//go:build !race

package respawn

const race = false
