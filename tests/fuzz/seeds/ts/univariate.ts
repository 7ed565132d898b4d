@problemName One
@univariate true
@equalLength true
@classLabel true 1 2
@data
1,2,3:1
4,5,6:2
7,8,9:1
1,1,1:2
