// Two operations, declared as data: what a request must hold is checked before a handler runs.

const number = {type: 'number'}

exports['/sum'] = {
  method: 'get', serialize: true, description: 'adds two numbers',
  params: {x: {schema: number}, y: {schema: number, default: 0}},
  handler: function (x, y, callback) { callback(x + y) },
}

exports['/divide'] = {
  method: 'get', serialize: true, description: 'divides one number by another',
  params: {x: {schema: number}, y: {schema: {not: {const: 0}, ...number}, description: 'anything but 0'}},
  handler: function (x, y, callback) { callback(x / y) },
}
