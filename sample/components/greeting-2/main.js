const words = require('words')
module.exports = (name) => `${words.greet(name)} How are you?`
