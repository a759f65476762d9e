// A gate in one file: it refuses names that look like a slip of the finger for a well-known package, as those have that
// somebody registered to be installed by mistake. It has nothing itself, and lets everything else pass.

/** What would stand in plugin.yaml: it needs little, and so leaves more of plugins.budget to others. */
export const manifest = {limits: {memory: '8MiB', instances: {min: 1, max: 4}}}

/** Whom people mean. */
const known = ['axios', 'chalk', 'commander', 'express', 'lodash', 'moment', 'react', 'react-dom', 'typescript', 'webpack']

/** Whether name is meant with one letter left out, or two that changed places. More would refuse preact for react. */
function near(name, meant) {
  let i = 0
  while (i < name.length && name[i] === meant[i]) i++
  const rest = (text, from) => text.slice(from)
  const leftOut = rest(name, i) === rest(meant, i + 1)
  const swapped = name[i] === meant[i + 1] && name[i + 1] === meant[i] && rest(name, i + 2) === rest(meant, i + 2)
  return name !== meant && (leftOut || swapped)
}

/** @type {Provider} */
export default {
  check({name}) {
    const meant = known.includes(name) ? undefined : known.find(k => near(name, k))
    if (meant) deny(403, `did you mean ${meant}?`)
  },
}
