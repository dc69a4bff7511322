package sandbox

import "sync"

// hooks are what tests script over the sandbox's truth. They stand apart from
// the books so that an order can be scripted before it exists.
type hooks struct {
	mu      sync.Mutex
	pushes  map[key]PushEdit
	queries map[key][]QueryAnswer
	outages map[string]QueryAnswer // by merchant
}

func newHooks() *hooks {
	return &hooks{pushes: map[key]PushEdit{}, queries: map[key][]QueryAnswer{}, outages: map[string]QueryAnswer{}}
}

func (h *hooks) setPush(k key, edit PushEdit) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.pushes[k] = edit
}

func (h *hooks) push(k key) PushEdit {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.pushes[k]
}

func (h *hooks) setQuery(k key, answers []QueryAnswer) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.queries[k] = answers
}

// query takes the next scripted answer; the last one stays. The zero value is
// the truth.
func (h *hooks) query(k key) QueryAnswer {
	h.mu.Lock()
	defer h.mu.Unlock()
	answers := h.queries[k]
	if len(answers) == 0 {
		return QueryAnswer{}
	}
	if len(answers) > 1 {
		h.queries[k] = answers[1:]
	}
	return answers[0]
}

func (h *hooks) setOutage(merchant string, answer QueryAnswer) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.outages[merchant] = answer
}

func (h *hooks) outage(merchant string) QueryAnswer {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.outages[merchant]
}
