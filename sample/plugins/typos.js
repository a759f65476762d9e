// A gate in one file: it refuses names that look like a slip of the finger for a well-known package, as those have that
// somebody registered to be installed by mistake. It has nothing itself, and lets everything else pass.

/** What would stand in plugin.yaml: it needs little, and so leaves more of plugins.budget to others. */
export const manifest = {limits: {memory: '8MiB', instances: {min: 1, max: 4}}}

/** Whom people mean. */
const known = ['axios', 'chalk', 'commander', 'express', 'lodash', 'moment', 'react', 'react-dom', 'typescript', 'webpack']

/** Whether two names differ by one letter more, less, other, or by two that changed places. */
function near(a, b) {
  if (a === b || Math.abs(a.length - b.length) > 1) return false
  let i = 0
  while (i < a.length && a[i] === b[i]) i++
  const rest = (name, from) => name.slice(from)
  return rest(a, i + 1) === rest(b, i) || rest(a, i) === rest(b, i + 1) || rest(a, i + 1) === rest(b, i + 1) ||
    (a[i] === b[i + 1] && a[i + 1] === b[i] && rest(a, i + 2) === rest(b, i + 2))
}

/** @type {Provider} */
export default {
  check({name}) {
    const meant = known.includes(name) ? undefined : known.find(k => near(name, k))
    if (meant) deny(403, `did you mean ${meant}?`)
  },
}
