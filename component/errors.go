package component

import "github.com/registryd/registryd/internal/outcome"

// The ways in which a request to the registry fails, beyond those of
// internal/outcome. Each is the outcome that it names with a type of its own for
// clients, who know these words from the registry's predecessor.
var (
	// ErrUnknownHost: no host has the id. outcome.NotFound.
	ErrUnknownHost = outcome.Typed(outcome.NotFound, "UnknownHostIdError")
	// ErrNoComponent: the host has no such component, or it has no such version.
	// outcome.NotFound.
	ErrNoComponent = outcome.Typed(outcome.NotFound, "NoComponentError")
	// ErrVersion: what should be a version is none. outcome.Invalid.
	ErrVersion = outcome.Typed(outcome.Invalid, "InvalidVersionError")
	// ErrExists: the version was published before. outcome.Conflict.
	ErrExists = outcome.Typed(outcome.Conflict, "ComponentExistsError")
	// ErrCollision: another host has the id. outcome.Conflict.
	ErrCollision = outcome.Typed(outcome.Conflict, "HostIdCollisionError")
	// ErrNoPackage: the tarball has no package.json. outcome.Unprocessable.
	ErrNoPackage = outcome.Typed(outcome.Unprocessable, "NoPackageError")
	// ErrContent: the parts of a package contradict each other or the URL.
	// outcome.Unprocessable.
	ErrContent = outcome.Typed(outcome.Unprocessable, "InvalidPackageError")
	// ErrMalformed: the request cannot be read. outcome.Invalid.
	ErrMalformed = outcome.Typed(outcome.Invalid, "malformedRequest")
	// ErrDependencies: a map of dependencies is none. outcome.Invalid.
	ErrDependencies = outcome.Typed(outcome.Invalid, "invalidDependencies")
	// ErrTooLarge: the request exceeds a limit. outcome.TooLarge.
	ErrTooLarge = outcome.Typed(outcome.TooLarge, "tooLarge")
	// ErrNoToken: publishing needs a token. outcome.Unauthorized.
	ErrNoToken = outcome.Typed(outcome.Unauthorized, "unauthorized")
	// ErrWrongToken: the token is not the one. outcome.WrongCredentials.
	ErrWrongToken = outcome.Typed(outcome.WrongCredentials, "unauthorized")
	// ErrTooManyHosts: no further host may register. outcome.Busy.
	ErrTooManyHosts = outcome.Typed(outcome.Busy, "tooManyHosts")
	// ErrStorage: the store fails. outcome.Busy.
	ErrStorage = outcome.Typed(outcome.Busy, "storageError")
)

func collision(id uint32) error {
	return outcome.New(ErrCollision, "another host has the id %d", id)
}
