package sweep

// Progress is how far the durable of one merchant's callbacks has come.
type Progress struct {
	AckFloor uint64 // sequence in CALLBACKS below which all its callbacks are acknowledged
	Idle     bool   // nothing is waiting, and nothing is in work
}

// Floor is the sequence in CALLBACKS up to which every callback has ended in its
// place, and may be purged. settled is the stream's last sequence as it was one
// round before the durables were read: an idle durable has acknowledged all of
// its callbacks up to there. The stream's last sequence of now would be too
// young, since on a cluster a durable's leader may not have seen it yet.
//
// Without durables nothing is known to have ended, and the floor is 0.
func Floor(settled uint64, durables []Progress) uint64 {
	if len(durables) == 0 {
		return 0
	}
	floor := settled
	for _, d := range durables {
		if !d.Idle {
			floor = min(floor, d.AckFloor)
		}
	}
	return floor
}
