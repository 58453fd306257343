'use strict'

// The generated loader tells all that it tried. What a reader wants to know is whether there is a build
// for this machine, and what to do.
function load() {
  try {
    return require('../index.js')
  } catch (cause) {
    const platform = `${process.platform}-${process.arch}`
    const error = new Error(
      `trunkline has no build for this machine (${platform}, Node ${process.versions.node}). ` +
        `There are builds for ${PLATFORMS.join(', ')}; they are optional dependencies, so an install ` +
        'without those, or a node_modules folder from another machine, has none. Install again on ' +
        'this machine, or build it from the sources: https://github.com/trunkline/trunkline',
      { cause },
    )
    error.code = 'ERR_UNSUPPORTED_PLATFORM'
    throw error
  }
}

const PLATFORMS = [
  'linux-x64',
  'linux-arm64',
  'darwin-x64',
  'darwin-arm64',
  'win32-x64',
  'win32-arm64',
]

module.exports = load()
