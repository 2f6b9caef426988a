select pgdurable.remove_deployment($1, force => $2::boolean) as answer
