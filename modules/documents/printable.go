package documents

// Printable reports whether documents can show r, so that forms can refuse a character before anything is stored.
func (s *Service) Printable(r rune) bool { return s.engine.Printable(r) }
