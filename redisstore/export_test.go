package redisstore

// Waiting returns how many commands wait for a slot.
func Waiting(s *Store) int { return s.queue.Waiting() }
