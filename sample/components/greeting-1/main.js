const words = require('words')
module.exports = (name) => `${words.hello}, ${name}!`
