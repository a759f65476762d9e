package main

// What the tests outside the package use.
var (
	Run        = run
	ParseBuild = parseBuild
	Write      = write
	UsualNginx = usualNginx
	SystemDirs = systemDirs
)
