package config

import (
	"slices"

	"github.com/fsnotify/fsnotify"
	"go.uber.org/zap"
)

// watcher tells of changes in some folders. Folders, not files: an editor and
// a Kubernetes secret both put a new file in the place of the old one, the
// latter by swapping the symlink ..data in the same folder. Where the system
// gives no watch, it is silent.
type watcher struct {
	notify *fsnotify.Watcher // nil where there is none
	log    *zap.Logger
}

func (s *MerchantsSource) watch() *watcher {
	w := &watcher{log: s.log}
	notify, err := fsnotify.NewWatcher()
	if err != nil {
		w.log.Warn("changes of the merchants file cannot be watched and are found by polling", zap.String("file", s.path), zap.Error(err))
		return w
	}
	w.notify = notify
	w.follow(s.folders())
	return w
}

// follow watches exactly these folders. What is watched is asked each time: a
// folder that was deleted and made again has lost its watch.
func (w *watcher) follow(dirs []string) {
	if w.notify == nil {
		return
	}
	watched := w.notify.WatchList()
	for _, dir := range dirs {
		if slices.Contains(watched, dir) {
			continue
		}
		if err := w.notify.Add(dir); err != nil {
			w.log.Warn("a folder cannot be watched, its changes are found by polling", zap.String("folder", dir), zap.Error(err))
		}
	}
	for _, dir := range watched {
		if !slices.Contains(dirs, dir) {
			_ = w.notify.Remove(dir) // gone already, or of no use any more
		}
	}
}

func (w *watcher) events() <-chan fsnotify.Event {
	if w.notify == nil {
		return nil
	}
	return w.notify.Events
}

func (w *watcher) errors() <-chan error {
	if w.notify == nil {
		return nil
	}
	return w.notify.Errors
}

func (w *watcher) close() {
	if w.notify != nil {
		_ = w.notify.Close()
	}
}
