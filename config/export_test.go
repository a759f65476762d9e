package config

// LoadData is load after the file was read, for fuzzing.
func LoadData(data []byte, o Options, dir string, generator bool) (*Config, error) {
	return loadData(data, o, dir, generator)
}
