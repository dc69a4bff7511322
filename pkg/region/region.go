package region

// Region selects the gateway's rules for create calls. A merchant has one.
type Region string

// The regions. None asks for nothing beyond what the API itself requires.
const (
	Brazil    Region = "brazil"
	India     Region = "india"
	Indonesia Region = "indonesia"
	Nigeria   Region = "nigeria"
	None      Region = "none"
)

// Valid reports whether the region is one of those above.
func (r Region) Valid() bool {
	switch r {
	case Brazil, India, Indonesia, Nigeria, None:
		return true
	default:
		return false
	}
}
